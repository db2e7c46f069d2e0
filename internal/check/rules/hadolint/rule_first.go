package hadolint

import (
	"fmt"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleFirst() rule.Rule {
	return rule.Rule{
		Code:       "DL3061",
		Severity:   finding.Error,
		Title:      "Begin with FROM",
		Why:        "Before the first FROM there is no image that an instruction could change. Only ARG may stand there, for the FROMs.",
		Dockerfile: checkFirst,
	}
}

func checkFirst(p *rule.Pass, d *project.Dockerfile) {
	for _, i := range d.AST.Instructions {
		switch i.Name {
		case "FROM":
			return
		case "ARG":
		default:
			p.Report(d.File, rule.Report{
				At:      i.Keyword.Span(),
				Message: fmt.Sprintf("%s stands before the first FROM, where only ARG can; move it below", i.Name),
			})
			return
		}
	}
}
