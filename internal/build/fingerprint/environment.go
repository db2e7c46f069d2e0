package fingerprint

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ambient is the part of an environment that decides what the go command does,
// sorted. The values stand there as sums: some hold passwords.
func ambient(environ []string) []string {
	kept := []string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if matters(name) {
			sum := sha256.Sum256([]byte(value))
			kept = append(kept, name+"="+encode(sum[:]))
		}
	}
	slices.Sort(kept)
	return kept
}

// matters says whether a variable may change what is built, or where the go
// command finds what it builds with.
func matters(name string) bool {
	switch name {
	case "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK":
		return false // limits of the go command itself
	case "PATH", "HOME", "XDG_CONFIG_HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "CC", "CXX", "AR", "FC", "PKG_CONFIG", "GCCGO":
		return true
	}
	return strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_")
}

// differing returns the name of the first variable that is not the same in two
// results of ambient, "" when all are.
func differing(a, b []string) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return variableName(b[i])
		case i >= len(b) || a[i] < b[i]:
			return variableName(a[i])
		case a[i] > b[i]:
			return variableName(b[i])
		}
	}
	return ""
}

func variableName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return name
}

// variable returns the value of a variable, of several the last.
func variable(environ []string, name string) string {
	value := ""
	for _, pair := range environ {
		if v, found := strings.CutPrefix(pair, name+"="); found {
			value = v
		}
	}
	return value
}

// goCommand finds the go command as os/exec does: the first on PATH that is a
// program. It is "" when there is none, or when it is found by a relative path,
// which os/exec does not run.
func goCommand(environ []string) string {
	for _, dir := range filepath.SplitList(variable(environ, "PATH")) {
		path := filepath.Join(dir, "go")
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		if filepath.IsAbs(path) {
			return path
		}
		return ""
	}
	return ""
}

// settingsFile is where 'go env -w' writes (go help env), "" for nowhere.
func settingsFile(environ []string) string {
	file := variable(environ, "GOENV")
	if file == "off" {
		return ""
	}
	if file != "" {
		return file
	}
	dir := variable(environ, "XDG_CONFIG_HOME")
	if dir == "" && variable(environ, "HOME") != "" {
		dir = filepath.Join(variable(environ, "HOME"), ".config")
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, "go", "env")
}
