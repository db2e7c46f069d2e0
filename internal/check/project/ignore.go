package project

import (
	"strings"

	"github.com/davit-dev/davit/internal/check/ignore"
)

// Ignore is a .dockerignore file, or the NAME.dockerignore of one Dockerfile.
type Ignore struct {
	*File
	List    *ignore.List // nil when it cannot be read
	Problem error        // why not
}

func parseIgnore(f *File) *Ignore {
	list, err := ignore.Parse([]byte(f.Source))
	return &Ignore{File: f, List: list, Problem: err}
}

// Ignored returns the file that says what is left out of the build context of a
// Dockerfile: its own NAME.dockerignore, or else the .dockerignore of its folder
// or of the root; nil when there is none. docs.docker.com/build/concepts/context,
// "Filename and location".
func (p *Project) Ignored(d *Dockerfile) *Ignore {
	dir := ""
	if i := strings.LastIndexByte(d.Path, '/'); i >= 0 {
		dir = d.Path[:i+1]
	}
	for _, path := range []string{d.Path + ".dockerignore", dir + ".dockerignore", ".dockerignore"} {
		for _, i := range p.Ignores {
			if i.Path == path {
				return i
			}
		}
	}
	return nil
}
