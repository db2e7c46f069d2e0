package project

import (
	"github.com/davit-dev/davit/internal/check/compose"
)

// Compose is a compose file of a project.
type Compose struct {
	*File
	AST *compose.File
}

func parseCompose(f *File) *Compose {
	return &Compose{File: f, AST: compose.Parse(f.Source)}
}
