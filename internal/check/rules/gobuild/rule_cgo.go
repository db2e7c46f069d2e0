package gobuild

import (
	"fmt"
	"slices"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleCgo() rule.Rule {
	return rule.Rule{
		Code:     "GO201",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Set CGO_ENABLED=0 for an image without the builder's libc",
		Why: "With a C compiler there, Go links net and os/user to the libc of the builder. " +
			"scratch and distroless static have none, Alpine has another: `exec /app: no such file or directory`.",
		Dockerfile: checkCgo,
	}
}

func checkCgo(p *rule.Pass, d *project.Dockerfile) {
	reported := map[dockerfile.Span]bool{}
	for k, s := range d.Stages {
		if s.Used && k+1 < len(d.Stages) || s.BringsLibc() {
			continue
		}
		for _, made := range s.Products {
			libc := made.Stage.Base.LinkedTo(made.Stage.Installed)
			name := made.Of.Go.Word
			if reported[name] || libc == "" || !s.Base.Lacks(libc) || made.Of.Go.CgoIsSettled() {
				continue
			}
			reported[name] = true
			cgo(p, d, s, made, libc)
		}
	}
}

// cgo reports a program, as far as the source says that it is linked to libc.
func cgo(p *rule.Pass, d *project.Dockerfile, s *project.Stage, made project.Product, libc string) {
	g := made.Of.Go
	r := p.Project.Reach(d, made)
	if len(r.Foreign) > 0 && !r.Cgo {
		if deps := p.Project.Deps(d, made); deps.Known {
			r.Cgo, r.Std, r.Foreign = len(deps.Cgo) > 0, deps.Std, nil
		}
	}
	std := slices.DeleteFunc(slices.Clone(r.Std), func(pkg string) bool { return pure(g, pkg) })
	base := s.Base.Name
	out := rule.Report{At: goSpan(made.Of), Severity: finding.Warning}
	switch arch := g.Env["GOARCH"]; {
	case r.Cgo:
		return
	case len(std) > 0 && (!arch.Known || arch.Text == ""):
		out.Severity = finding.Error
		out.Message = fmt.Sprintf("the program imports %s and is linked to %s, which %s does not have: it will not start; set CGO_ENABLED=0", std[0], libc, base)
	case len(std) > 0:
		out.Message = fmt.Sprintf("the program imports %s and is linked to %s when the builder's architecture is its own; %s does not have that; set CGO_ENABLED=0", std[0], libc, base)
	case len(r.Foreign) > 0:
		out.Message = fmt.Sprintf("the program imports %s, which may link it to %s; %s does not have that; set CGO_ENABLED=0", r.Foreign[0], libc, base)
	case r.Missing:
		out.Message = fmt.Sprintf("cgo is on, so the program may be linked to %s; %s does not have that; set CGO_ENABLED=0", libc, base)
	default:
		return // nothing that it imports uses cgo: it is static all the same
	}
	edit := rule.Insert(d.File, made.Of.Start, "CGO_ENABLED=0 ")
	switch {
	case made.Of.Exec:
	case len(r.Foreign) > 0 || r.Missing: // there may be C in it
		out.Fix = rule.UnsafeFix(edit)
	default:
		out.Fix = rule.SafeFix(edit)
	}
	p.Report(d.File, out)
}

// goSpan is where the command stands from the word go to its verb.
func goSpan(c *project.Command) dockerfile.Span {
	span := c.Go.Word
	for _, a := range c.Args {
		if a.Text == c.Go.Verb && a.Start > span.Start {
			span.End = a.End
			break
		}
	}
	return span
}

// pure says that the tags make a package of the standard library do without cgo.
func pure(g *project.GoCommand, pkg string) bool {
	switch pkg {
	case "plugin", "runtime/cgo":
		return false
	case "archive/tar", "os/user":
		return slices.Contains(g.Tags, "osusergo")
	}
	return slices.Contains(g.Tags, "netgo")
}
