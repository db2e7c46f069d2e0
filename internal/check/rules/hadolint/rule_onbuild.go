package hadolint

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleOnbuild() rule.Rule {
	return rule.Rule{
		Code:       "DL3043",
		Severity:   finding.Error,
		Title:      "Put nothing into ONBUILD that cannot be there",
		Why:        "BuildKit refuses FROM, MAINTAINER and ONBUILD behind ONBUILD.",
		Dockerfile: checkOnbuild,
	}
}

func checkOnbuild(p *rule.Pass, d *project.Dockerfile) {
	for _, i := range d.AST.Instructions {
		if i.Name != "ONBUILD" {
			continue
		}
		first, _, _ := strings.Cut(i.Rest.String(), " ")
		switch name := strings.ToUpper(first); name {
		case "FROM", "MAINTAINER", "ONBUILD":
			p.Report(d.File, rule.Report{
				At:      i.Rest.Slice(0, len(first)).Span(),
				Message: fmt.Sprintf("%s cannot stand behind ONBUILD; remove it", name),
			})
		}
	}
}
