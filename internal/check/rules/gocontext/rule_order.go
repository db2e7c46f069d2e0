package gocontext

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleOrder() rule.Rule {
	return rule.Rule{
		Code:     "GO101",
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Copy go.mod and download the modules before the source",
		Why: "Every change of a file makes a new layer of `COPY . .`, and everything after it is done again: " +
			"all modules are downloaded for a changed comment.",
		Dockerfile: checkOrder,
	}
}

func checkOrder(p *rule.Pass, d *project.Dockerfile) {
	m := d.Module
	if !requires(m) || isVendored(m) {
		return
	}
	for _, s := range d.Stages {
		if s.Below != nil || !s.Base.IsGolang() {
			continue
		}
		for k, c := range s.Copies {
			if !isAll(c) {
				continue
			}
			earlier := slices.ContainsFunc(s.Copies[:k], func(c project.Copy) bool { return copies(c, "go.mod") })
			if next := downloads(s, c.Instruction); next != nil && !earlier && !mountsCache(next.Instruction, "/go/pkg/mod") {
				p.Report(d.File, rule.Report{
					At:      c.Instruction.Keyword.Span(),
					Message: "any change of the source downloads all modules again; copy go.mod and go.sum before it, and run go mod download",
					Fix:     downloadFirst(p, d, s, c),
				})
			}
			break
		}
	}
}

// downloads returns the first command behind an instruction that downloads modules.
func downloads(s *project.Stage, i *dockerfile.Instruction) *project.Command {
	for _, c := range goRuns(s) {
		if c.Instruction.Start > i.Start {
			return c
		}
	}
	return nil
}

// downloadFirst is the fix where the module lies at the top of the context, and
// needs nothing but go.mod and go.sum.
func downloadFirst(p *rule.Pass, d *project.Dockerfile, s *project.Stage, c project.Copy) *finding.Fix {
	m := d.Module
	context, found := d.ContextPath(p.Project.Root, "go.mod")
	if !found || filepath.Dir(context) != m.Dir || !project.Exists(filepath.Join(m.Dir, "go.sum")) || len(localReplaces(m)) > 0 {
		return nil
	}
	dest := c.Instruction.Args[len(c.Instruction.Args)-1].String()
	if c.Instruction.JSON || strings.ContainsAny(dest, "$\"'") || !c.Dest.Known || len(c.Instruction.Flags) > 0 {
		return nil
	}
	if !strings.HasSuffix(dest, "/") {
		dest += "/"
	}
	if first := downloads(s, c.Instruction); !first.Dir.Known || first.Dir.Text != c.Dest.Text || s.Workdir.Text != c.Dest.Text {
		return nil
	}
	text := "COPY go.mod go.sum " + dest + d.Newline() + "RUN go mod download" + d.Newline()
	return rule.SafeFix(rule.Insert(d.File, c.Instruction.Start, text))
}
