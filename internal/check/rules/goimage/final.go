package goimage

import (
	"maps"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// final returns the last stage, when a Go program of another one is in it.
func final(d *project.Dockerfile) (*project.Stage, bool) {
	if len(d.Stages) == 0 {
		return nil, false
	}
	last := d.Stages[len(d.Stages)-1]
	return last, slices.ContainsFunc(last.Products, func(p project.Product) bool { return p.Stage != last })
}

// brings says whether the stage copies something whose name has one of the parts.
func brings(s *project.Stage, parts ...string) bool {
	for at := s; at != nil; at = at.Below {
		for _, c := range at.Copies {
			if !c.Source.Known || slices.ContainsFunc(parts, func(part string) bool {
				return strings.Contains(c.Source.Text, part) || strings.Contains(c.Dest.Text, part)
			}) {
				return true
			}
		}
	}
	return false
}

// isScratch says whether the stage begins with nothing.
func isScratch(s *project.Stage) bool { return s.Base.Known && s.Base.Name == "scratch" }

// calls returns what the programs in the last stage call, when all of it is known.
func calls(p *rule.Pass, d *project.Dockerfile) (project.Calls, bool) {
	all := project.Calls{Arguments: map[string][]string{}, Imports: map[string]bool{}}
	last, ok := final(d)
	if !ok {
		return all, false
	}
	for _, made := range last.Products {
		c := p.Project.Calls(d, made)
		if !c.Complete {
			return all, false
		}
		maps.Copy(all.Imports, c.Imports)
		for name, arguments := range c.Arguments {
			all.Arguments[name] = append(all.Arguments[name], arguments...)
		}
	}
	return all, true
}

// lastOf returns the last instruction of a stage, or of those below, with a name.
func lastOf(s *project.Stage, name string) *dockerfile.Instruction {
	for at := s; at != nil; at = at.Below {
		for _, i := range slices.Backward(at.Instructions) {
			if i.Name == name {
				return i
			}
		}
	}
	return nil
}

// start returns the instruction that says what runs: ENTRYPOINT, or CMD without.
func start(s *project.Stage) *dockerfile.Instruction {
	if i := lastOf(s, "ENTRYPOINT"); i != nil {
		return i
	}
	return lastOf(s, "CMD")
}

// programCopy returns the COPY that brings a program into the last stage.
func programCopy(s *project.Stage) (project.Copy, bool) {
	for _, c := range s.Copies {
		if c.From != "" && c.Origin != nil && len(c.Origin.Products) > 0 {
			return c, true
		}
	}
	return project.Copy{}, false
}

// addCopy is the fix that copies one more thing from the stage of the program.
func addCopy(d *project.Dockerfile, s *project.Stage, what string) *finding.Fix {
	c, found := programCopy(s)
	if !found || !c.Origin.Base.IsGolang() {
		return nil
	}
	text := d.Newline() + "COPY --from=" + c.From + " " + what
	return rule.SafeFix(rule.Insert(d.File, c.Instruction.Whole(d.AST).End, text))
}
