package buildkit

import (
	"maps"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
)

// platformArgs are the arguments that BuildKit sets by itself. FROM may use them
// right away, a stage after an ARG (docs.docker.com/reference/dockerfile,
// "Automatic platform ARGs in the global scope").
func platformArgs() []string {
	return []string{
		"TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION", "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE",
		"BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT",
	}
}

// isProxy knows the arguments that are always there but in no image
// ("Predefined ARGs").
func isProxy(name string) bool {
	return strings.HasSuffix(strings.ToUpper(name), "_PROXY")
}

// names are variables that are set.
type names map[string]bool

// declare adds what an ARG or ENV sets.
func (n names) declare(i *dockerfile.Instruction) {
	if i.Name == "ARG" || i.Name == "ENV" {
		for _, a := range i.Assignments() {
			n[a.Name.String()] = true
		}
	}
}

func (n names) sorted() []string { return slices.Sorted(maps.Keys(n)) }

// globals returns the arguments that are declared before the first FROM.
func globals(d *project.Dockerfile) names {
	out := names{}
	for _, i := range d.AST.Instructions {
		if i.Name == "FROM" {
			break
		}
		if i.Name == "ARG" {
			out.declare(i)
		}
	}
	return out
}

// baseVariables returns the variables that a base image sets. Of most images
// that is not known.
func baseVariables(base project.Image) (variables []string, known bool) {
	windows := strings.Contains(base.Tag.String(), "windows") || strings.Contains(base.Tag.String(), "nanoserver")
	switch {
	case !base.Known || windows:
		return nil, false
	case base.IsGolang():
		return []string{"PATH", "GOPATH", "GOLANG_VERSION", "GOTOOLCHAIN"}, true
	case slices.Contains([]string{"scratch", "alpine", "debian", "ubuntu", "busybox"}, base.Name):
		return []string{"PATH"}, true
	case base.Userland() == project.NoLibc && strings.HasPrefix(base.Name, "gcr.io/distroless/"):
		return []string{"PATH", "SSL_CERT_FILE"}, true
	}
	return []string{"PATH"}, false
}
