package hadolint

import (
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func rulePragma() rule.Rule {
	return rule.Rule{
		Code:     "DL1001",
		Severity: finding.Info,
		Off:      true,
		Title:    "Keep ignore comments out of the Dockerfile",
		Why: "Where the findings to ignore are agreed on in one place, such as davit.yaml, " +
			"a comment in a Dockerfile takes one away without anybody else seeing it.",
		Dockerfile: checkPragma,
	}
}

func checkPragma(p *rule.Pass, d *project.Dockerfile) {
	for _, token := range d.AST.Tokens {
		if token.Kind != dockerfile.Comment || !rule.IsPragma(d.Source[token.Start:token.End]) {
			continue
		}
		p.Report(d.File, rule.Report{
			At:      token.Span,
			Message: "findings are ignored by a comment; list them in davit.yaml, at check.ignore, where everybody sees them",
		})
	}
}
