package project

import (
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// goWork is the name of the file that makes a workspace of modules.
const goWork = "go.work"

// Work is a Go workspace of a project.
type Work struct {
	*File
	Work    *modfile.WorkFile // nil when it cannot be read
	Problem error             // why not
}

func parseWork(f *File) *Work {
	w := &Work{File: f}
	w.Work, w.Problem = modfile.ParseWork(goWork, []byte(f.Source), nil)
	return w
}

// Dir returns the folder of the go.work; paths in it begin there.
func (w *Work) Dir() string {
	if w.real == "" {
		return filepath.Join(w.home, filepath.FromSlash(filepath.Dir(w.Path)))
	}
	return filepath.Dir(w.real)
}
