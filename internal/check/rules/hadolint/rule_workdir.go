package hadolint

import (
	"fmt"
	"path"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleWorkdir() rule.Rule {
	return rule.Rule{
		Code:     "DL3000",
		Aliases:  []string{"WorkdirRelativePath"},
		Severity: finding.Error,
		Fix:      finding.Unsafe,
		Title:    "Give WORKDIR an absolute path",
		Why: "A relative WORKDIR goes on from the one before it, which may be the base image's. " +
			"When that changes, or a line is moved, everything lands in another folder.",
		Dockerfile: checkWorkdir,
	}
}

func checkWorkdir(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.All() {
		at := startOf(s)
		for _, i := range s.Instructions {
			in := inner(i)
			if in.Name != "WORKDIR" || len(in.Args) != 1 {
				continue
			}
			workdir(p, d, in, at)
			if in == i {
				at = s.Resolve(at, s.Expand(in.Args[0].Text))
			}
		}
	}
}

func workdir(p *rule.Pass, d *project.Dockerfile, i *dockerfile.Instruction, at dockerfile.Value) {
	word := i.Args[0]
	name := strings.Trim(word.Value.String(), `'"`)
	if isAbsolute(name) || isAbsolute(bare(word)) || strings.HasPrefix(name, "$") {
		return
	}
	r := rule.Report{
		At:      word.Span(),
		Message: fmt.Sprintf("WORKDIR %s depends on the folder before it; write the absolute path", word),
	}
	if at.Known && written(word) && !strings.ContainsAny(at.Text+name, "$:") {
		r.Fix = rule.UnsafeFix(rule.Edit(d.File, word.Span(), path.Join(at.Text, name)))
	}
	p.Report(d.File, r)
}

// startOf returns the folder that a stage begins in, as far as that is known of
// its base image.
func startOf(s *project.Stage) dockerfile.Value {
	switch {
	case s.Below != nil:
		return s.Below.Workdir
	case !s.Base.Known:
		return dockerfile.Value{}
	case s.Base.IsGolang():
		return dockerfile.Value{Text: "/go", Known: true}
	}
	switch s.Base.Name {
	case "scratch", "alpine", "debian", "ubuntu", "busybox":
		return dockerfile.Value{Text: "/", Known: true}
	}
	return dockerfile.Value{}
}
