package project

import (
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Dockerfile is a Dockerfile of a project.
type Dockerfile struct {
	*File
	AST    *dockerfile.File
	Stages []*Stage
	Head   *Stage  // what stands before the first FROM, if that is more than ARG; nil otherwise
	Module *Module // what it builds; nil when that is not known
}

func parseDockerfile(f *File) *Dockerfile {
	d := &Dockerfile{File: f, AST: dockerfile.Parse([]byte(f.Source))}
	d.analyze()
	return d
}

// All returns the head, if there is one, and the stages.
func (d *Dockerfile) All() []*Stage {
	if d.Head == nil {
		return d.Stages
	}
	return append([]*Stage{d.Head}, d.Stages...)
}

// Dir returns the folder that the Dockerfile stands in.
func (d *Dockerfile) Dir() string {
	if d.real == "" {
		return d.home
	}
	return filepath.Dir(d.real)
}

// ContextPath returns where a source of a COPY is on this machine. The build
// context is not written down anywhere: it is the Dockerfile's folder or root.
func (d *Dockerfile) ContextPath(root, source string) (string, bool) {
	if strings.ContainsAny(source, "*?[$") {
		return "", false
	}
	for _, base := range []string{d.Dir(), root} {
		path := filepath.Join(base, filepath.FromSlash(source))
		real, err := filepath.EvalSymlinks(path)
		if err == nil && (Within(d.home, real) || Within(root, real)) {
			return real, true
		}
	}
	return "", false
}
