package gomod

import (
	"errors"
	"fmt"
	"go/version"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleWork() rule.Rule {
	return rule.Rule{
		Code:     "GO607",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Keep go.work in step with its modules",
		Why: "A workspace is read whole or not at all: a folder that is not there, or a module that needs a newer Go than go.work names, " +
			"ends every go command below it.",
		Project: func(p *rule.Pass) {
			for _, w := range p.Project.Works {
				if w.Work == nil {
					unreadable(p, w)
				} else {
					checkWork(p, w)
				}
			}
		},
	}
}

func unreadable(p *rule.Pass, w *project.Work) {
	var list modfile.ErrorList
	r := rule.Report{Message: w.Problem.Error()}
	if errors.As(w.Problem, &list) && len(list) > 0 {
		_, start := w.Line(max(list[0].Pos.Line, 1))
		r.At = dockerfile.Span{Start: start, End: start}
		if list[0].Err != nil {
			r.Message = list[0].Err.Error()
		}
	}
	p.Report(w.File, r)
}

func checkWork(p *rule.Pass, w *project.Work) {
	used := map[string]bool{}
	names := map[string]string{}
	needs, who := "", ""
	for _, use := range w.Work.Use {
		dir := filepath.FromSlash(use.Path)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(w.Dir(), dir)
		}
		r := rule.Report{At: span(use.Syntax)}
		m := member(p.Project, dir)
		switch {
		case used[dir]:
			r.Message = fmt.Sprintf("%s is used twice; take one away", use.Path)
		case !project.Exists(filepath.Join(dir, "go.mod")) && m == nil:
			r.Message = fmt.Sprintf("there is no go.mod in %s, so no go command works below this file; take the line away", use.Path)
			r.Severity = severityOf(p.Project, dir)
		case m != nil && m.Name != "" && names[m.Name] != "":
			r.Message = fmt.Sprintf("%s and %s are both the module %s; take one away", names[m.Name], use.Path, m.Name)
		}
		if r.Message != "" {
			p.Report(w.File, r)
		}
		used[dir] = true
		if m == nil {
			continue
		}
		names[m.Name] = use.Path
		if m.Go != "" && (needs == "" || version.Compare("go"+m.Go, "go"+needs) > 0) {
			needs, who = m.Go, m.Path
		}
	}
	goLine(p, w, needs, who)
	unused(p, w, used)
}

// severityOf is less than an error for what lies outside of the project: it may
// be there where the workspace is used.
func severityOf(p *project.Project, dir string) finding.Severity {
	if project.Within(p.Root, dir) {
		return finding.Error
	}
	return finding.Warning
}

func member(p *project.Project, dir string) *project.Module {
	for _, m := range p.Modules {
		if m.Dir == dir {
			return m
		}
	}
	return nil
}

// goLine compares the go line with what the modules need. Without one, it is
// 1.18 (go.dev/ref/mod#workspaces).
func goLine(p *rule.Pass, w *project.Work, needs, who string) {
	have := "1.18"
	if w.Work.Go != nil {
		have = w.Work.Go.Version
	}
	if needs == "" || version.Compare("go"+have, "go"+needs) >= 0 || version.Compare("go"+needs, "go1.21") < 0 {
		return
	}
	r := rule.Report{Message: fmt.Sprintf("go.work names Go %s, and %s needs go %s: no go command works below it; run `go work use`", have, who, needs)}
	if w.Work.Go != nil {
		r.At = span(w.Work.Go.Syntax)
		line := w.Work.Go.Syntax
		if at := strings.LastIndex(w.Source[line.Start.Byte:line.End.Byte], have); at >= 0 {
			start := line.Start.Byte + at
			r.Fix = rule.SafeFix(rule.Edit(w.File, dockerfile.Span{Start: start, End: start + len(have)}, needs))
		}
	} else {
		r.Fix = rule.SafeFix(rule.Insert(w.File, 0, "go "+needs+w.Newline()+w.Newline()))
	}
	p.Report(w.File, r)
}

// unused speaks about modules below the workspace that a member requires, and
// that are not part of it: the member is built with a released version of them.
func unused(p *rule.Pass, w *project.Work, used map[string]bool) {
	for _, m := range p.Project.Modules {
		if used[m.Dir] || m.Name == "" || !project.Within(w.Dir(), m.Dir) {
			continue
		}
		for _, other := range p.Project.Modules {
			if !used[other.Dir] || other.Mod == nil || replaces(w.Work, m.Name) {
				continue
			}
			for _, r := range other.Mod.Require {
				if r.Mod.Path != m.Name || replaced(other, r) != nil {
					continue
				}
				p.Report(w.File, rule.Report{At: firstUse(w), Severity: finding.Warning, Message: fmt.Sprintf(
					"%s requires %s, which is here in %s and not used: it is built with %s; add `use`", other.Path, m.Name, m.Path, r.Mod.Version)})
			}
		}
	}
}

func replaces(w *modfile.WorkFile, path string) bool {
	for _, r := range w.Replace {
		if r.Old.Path == path {
			return true
		}
	}
	return false
}

func firstUse(w *project.Work) dockerfile.Span {
	if len(w.Work.Use) == 0 {
		return dockerfile.Span{}
	}
	return span(w.Work.Use[0].Syntax)
}
