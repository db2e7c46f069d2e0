// Package gomod holds the rules about go.mod, go.sum and go.work. They ask no
// network.
package gomod

import (
	"golang.org/x/mod/modfile"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		ruleSum(),
		ruleTidy(),
		ruleReplace(),
		ruleVersions(),
		ruleRetracted(),
		ruleUnreleased(),
		ruleWork(),
	}
}

// readable makes a rule's function of one that looks at a go.mod that could be
// read.
func readable(check func(*rule.Pass, *project.Module)) func(*rule.Pass, *project.Module) {
	return func(p *rule.Pass, m *project.Module) {
		if m.Mod != nil {
			check(p, m)
		}
	}
}

// span is where a line is written, without comments.
func span(line *modfile.Line) dockerfile.Span {
	if line == nil {
		return dockerfile.Span{}
	}
	return dockerfile.Span{Start: line.Start.Byte, End: line.End.Byte}
}

// replaced returns what a module is replaced by; nil when it is not.
func replaced(m *project.Module, r *modfile.Require) *modfile.Replace {
	for _, other := range m.Mod.Replace {
		if other.Old.Path == r.Mod.Path && (other.Old.Version == "" || other.Old.Version == r.Mod.Version) {
			return other
		}
	}
	return nil
}
