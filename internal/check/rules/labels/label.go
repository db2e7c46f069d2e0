package labels

import (
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
)

// label is a label that a LABEL sets.
type label struct {
	dockerfile.Assignment
	key   dockerfile.Expanded
	value dockerfile.Expanded
}

// each visits all labels of a Dockerfile, also those behind ONBUILD.
func each(d *project.Dockerfile, visit func(label)) {
	for _, s := range d.All() {
		eachOf(d, s, true, visit)
	}
}

// eachOf visits the labels of one stage.
func eachOf(d *project.Dockerfile, s *project.Stage, onbuild bool, visit func(label)) {
	var scope *dockerfile.Scope // nil before the first LABEL: most stages have none
	for k, i := range s.Instructions {
		if onbuild && i.Trigger != nil {
			i = i.Trigger
		}
		if scope != nil {
			scope.Apply(s.Instructions[k])
		}
		if i.Name != "LABEL" {
			continue
		}
		if scope == nil {
			scope = scopeAt(s, k)
		}
		for _, a := range i.Assignments() {
			visit(label{
				Assignment: a,
				key:        expandKey(a.Name, d.AST.Escape, scope),
				value:      dockerfile.Expand(a.Value, d.AST.Escape, scope.Lookup),
			})
		}
	}
}

// scopeAt returns the variables as instruction k of a stage sees them.
func scopeAt(s *project.Stage, k int) *dockerfile.Scope {
	var parent *dockerfile.Scope
	if s.Below != nil {
		parent = s.Below.Vars
	}
	scope := s.Scope(parent)
	for _, i := range s.Instructions[:k] {
		scope.Apply(i)
	}
	return scope
}

// expandKey puts variables in. A dollar sign without a variable that is set is
// part of the key.
func expandKey(name dockerfile.Text, escape byte, scope *dockerfile.Scope) dockerfile.Expanded {
	for _, r := range dockerfile.References(name, escape) {
		if !scope.Set(r.Name.String()) {
			return dockerfile.Expanded{Text: name, Known: true}
		}
	}
	return dockerfile.Expand(name, escape, scope.Lookup)
}
