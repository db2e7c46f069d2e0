package project

import "strings"

// kind is what a file is read as.
type kind int

const (
	noKind kind = iota
	dockerfileKind
	composeKind
	ignoreKind
	moduleKind
	workKind
)

// String names the kind for people.
func (k kind) String() string {
	switch k {
	case dockerfileKind:
		return "Dockerfile"
	case composeKind:
		return "compose file"
	case ignoreKind:
		return ".dockerignore"
	case moduleKind:
		return goMod
	case workKind:
		return goWork
	case noKind:
	}
	return "file"
}

func (k kind) parse(f *File) any {
	switch k {
	case composeKind:
		return parseCompose(f)
	case ignoreKind:
		return parseIgnore(f)
	case moduleKind:
		return parseModule(f)
	case workKind:
		return parseWork(f)
	case dockerfileKind, noKind:
	}
	return parseDockerfile(f)
}

// kindOf knows the files that are looked at by their names.
func kindOf(name string) kind {
	switch {
	case name == goMod:
		return moduleKind
	case name == goWork:
		return workKind
	case name == ".dockerignore" || strings.HasSuffix(name, ".dockerignore"):
		return ignoreKind
	case isCompose(name):
		return composeKind
	case isDockerfile(name):
		return dockerfileKind
	}
	return noKind
}

// isCompose knows the names that docker compose looks for, and those of the
// files that are merged into them, such as compose.prod.yaml and test-docker-compose.yaml.
func isCompose(name string) bool {
	stem, found := strings.CutSuffix(name, ".yaml")
	if !found {
		stem, found = strings.CutSuffix(name, ".yml")
	}
	for _, base := range []string{"compose", "docker-compose"} {
		rest, named := strings.CutPrefix(stem, base)
		if found && named && (rest == "" || strings.ContainsRune(".-_", rune(rest[0]))) {
			return true
		}
	}
	return found && strings.HasSuffix(stem, "-docker-compose")
}

// isDockerfile knows Dockerfile, Dockerfile.prod, Dockerfile-prod, api.Dockerfile
// and Containerfile in the same ways; templates of them are not Dockerfiles yet.
func isDockerfile(name string) bool {
	for _, suffix := range []string{
		".md", ".txt", ".go", ".tmpl", ".tpl", ".template", ".j2", ".orig", ".bak", "~",
		".rego", ".json", ".yaml", ".yml", ".py", ".sh", ".js", ".ts",
	} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	for _, base := range []string{"Dockerfile", "Containerfile"} {
		rest, found := strings.CutPrefix(name, base)
		if found && (rest == "" || strings.ContainsRune(".-_", rune(rest[0]))) || strings.HasSuffix(name, "."+base) {
			return true
		}
	}
	return name == "dockerfile"
}
