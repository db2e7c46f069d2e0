package ko

import (
	"crypto/md5" //nolint:gosec // ko names images so; it protects nothing
	"encoding/hex"
	"path"
	"strings"
)

// Form is how an image is named after an import path.
type Form int

// The forms, with the flags of ko that ask for them.
const (
	Hashed    Form = iota // REPO/NAME-MD5 of the import path: no flag
	Base                  // REPO/NAME: --base-import-paths, -B
	Preserved             // REPO/IMPORTPATH: --preserve-import-paths, -P
	Bare                  // REPO: --bare
)

// FormOf returns the form that the flags ask for; with several, the one that ko
// prefers.
func FormOf(preserve, base, bare bool) Form {
	switch {
	case preserve:
		return Preserved
	case base:
		return Base
	case bare:
		return Bare
	default:
		return Hashed
	}
}

// Name returns the repository of the image of an import path. Registries know
// no capitals, so the import path loses its own, also for the hash.
func Name(repo, importPath string, form Form) string {
	importPath = strings.ToLower(strings.TrimPrefix(importPath, Scheme))
	below := strings.TrimPrefix(path.Clean("/"+importPath), "/") // leads out of nothing
	switch form {
	case Bare:
		return repo
	case Base:
		return path.Join(repo, path.Base("/"+below))
	case Preserved:
		return path.Join(repo, below)
	default:
		sum := md5.Sum([]byte(importPath)) //nolint:gosec // as above
		return path.Join(repo, path.Base("/"+below)+"-"+hex.EncodeToString(sum[:]))
	}
}

// The names that stand for this machine instead of a registry.
const (
	localDomain = "ko.local"
	kindDomain  = "kind.local"
)

// Place is where images go.
type Place int

// The places that KO_DOCKER_REPO can mean.
const (
	Nowhere  Place = iota // it is not set
	Registry              // a repository of a registry
	Docker                // the daemon of this machine: ko.local
	Kind                  // the nodes of a kind cluster: kind.local
)

// Destination is what KO_DOCKER_REPO means. Repo is it as it was given, which
// Name takes.
type Destination struct {
	Repo  string
	Place Place
}

// ParseDestination reads KO_DOCKER_REPO. local is ko's flag --local, which wins.
func ParseDestination(repo string, local bool) Destination {
	switch {
	case local && repo == "":
		return Destination{Repo: localDomain, Place: Docker}
	case local, strings.HasPrefix(repo, localDomain):
		return Destination{Repo: repo, Place: Docker}
	case strings.HasPrefix(repo, kindDomain):
		return Destination{Repo: repo, Place: Kind}
	case repo == "":
		return Destination{}
	default:
		return Destination{Repo: repo, Place: Registry}
	}
}
