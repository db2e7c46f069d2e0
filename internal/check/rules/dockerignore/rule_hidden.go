package dockerignore

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/ignore"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleHidden() rule.Rule {
	return rule.Rule{
		Code:     "GO504",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Do not leave out what the build needs",
		Why: "What is left out is not there for COPY: `\"/go.mod\": not found`, for a file that everybody can see. " +
			"Without go.mod and go.sum, a build of all the rest ends with `go.mod file not found`.",
		Project: checkHidden,
	}
}

// hiding is something that a build needs and that is left out.
type hiding struct {
	name string
	by   int // the pattern
	line int // of the instruction that needs it
	verb string
}

func checkHidden(p *rule.Pass) {
	lists(p.Project, func(c project.BuildContext, d *project.Dockerfile, list *project.Ignore) {
		if list == nil || list.List == nil {
			return
		}
		for _, h := range hidden(c, d, list.List) {
			pattern := list.List.Patterns()[h.by]
			p.Report(list.File, rule.Report{
				At:      dockerfile.Span{Start: pattern.Start, End: pattern.End},
				Message: fmt.Sprintf("%s is left out of the build context, and %s:%d %s it; add !%s", h.name, d.Path, h.line, h.verb, h.name),
				Fix:     rule.SafeFix(rule.Insert(list.File, pattern.End, list.Newline()+"!"+h.name)),
			})
		}
	})
}

// hidden returns what a list hides of what a Dockerfile is sure to need: the
// files and folders that a COPY names, and go.mod and go.sum when all of the
// rest is copied and built.
func hidden(c project.BuildContext, d *project.Dockerfile, l *ignore.List) []hiding {
	var out []hiding
	add := func(name string, s source, verb string) {
		if slices.ContainsFunc(out, func(h hiding) bool { return h.name == name }) || !project.Exists(filepath.Join(c.Dir, filepath.FromSlash(name))) {
			return
		}
		if left, by := l.Left(name); left && by >= 0 && !strings.ContainsAny(name, " #\\*?[") {
			line, _ := d.Position(s.copy.Instruction.Start)
			out = append(out, hiding{name, by, line, verb})
		}
	}
	for _, s := range sources(d) {
		switch {
		case s.name == "." && readsModule(s.stages):
			add("go.mod", s, "builds without")
			add("go.sum", s, "builds without")
		case s.name == "." || s.glob:
		case !someInside(l, s.name):
			add(s.name, s, "copies")
		}
	}
	return out
}

// someInside says that an exception brings back something in a folder.
func someInside(l *ignore.List, name string) bool {
	for _, p := range l.Patterns() {
		if p.Exception && (strings.HasPrefix(p.Word, name+"/") || strings.ContainsAny(p.Word, "*?[")) {
			return true
		}
	}
	return false
}

// readsModule says that a go command in the stage, or in one that builds on it,
// reads the go.mod of the context's own folder.
func readsModule(s *project.Stage) bool {
	copied := func(name string) bool {
		return slices.ContainsFunc(s.Copies, func(c project.Copy) bool {
			base := path.Base(c.Source.Text)
			return !c.Source.Known || base == name || c.From != "" || strings.ContainsAny(base, "*?[")
		})
	}
	if copied("go.mod") || s.Below != nil {
		return false
	}
	return slices.ContainsFunc(s.Commands, func(c *project.Command) bool {
		return c.Go != nil && c.Go.ReadsModule() && c.Go.Verb != "mod tidy"
	}) && !slices.ContainsFunc(s.Commands, func(c *project.Command) bool {
		return c.Go != nil && (c.Go.Verb == "mod init" || c.Go.Verb == "mod tidy" || c.Go.Verb == "get" || c.Go.Verb == "work init")
	})
}
