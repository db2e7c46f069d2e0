package goimage

import (
	"fmt"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleNeedsCgo() rule.Rule {
	return rule.Rule{
		Code:       "GO202",
		Severity:   finding.Warning,
		Title:      "Do not switch cgo off for a program that has C in it",
		Why:        "With CGO_ENABLED=0 the files that import \"C\" are left out: `build constraints exclude all Go files`, or a function that does nothing.",
		Dockerfile: checkNeedsCgo,
	}
}

func checkNeedsCgo(p *rule.Pass, d *project.Dockerfile) {
	reported := map[*project.Command]bool{}
	for _, s := range d.Stages {
		for _, made := range s.Products {
			cgo := made.Of.Go.Env["CGO_ENABLED"]
			if reported[made.Of] || !cgo.Known || cgo.Text != "0" {
				continue
			}
			reported[made.Of] = true
			message := ""
			switch r := p.Project.Reach(d, made); {
			case r.Cgo:
				message = "the program imports \"C\", and CGO_ENABLED=0 leaves those files out; build with cgo, or without the package"
			case len(r.Foreign) > 0:
				if only := p.Project.Deps(d, made).OnlyCgo; len(only) > 0 {
					message = fmt.Sprintf("%s does nothing without C, and CGO_ENABLED=0 leaves that out; build with cgo, or take another package", only[0])
				}
			}
			if message != "" {
				p.Report(d.File, rule.Report{At: made.Of.Go.Word, Message: message})
			}
		}
	}
}
