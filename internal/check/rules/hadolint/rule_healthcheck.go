package hadolint

import (
	"slices"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleHealthcheck() rule.Rule {
	return rule.Rule{
		Code:     "DL3057",
		Severity: finding.Info,
		Off:      true,
		Title:    "Say how to tell whether the service is healthy",
		Why: "Docker and compose then restart what hangs, and wait with depends_on until a service answers. " +
			"Kubernetes does not look at it: it has its own probes.",
		Dockerfile: checkHealthcheck,
	}
}

func checkHealthcheck(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range outcome(d) {
		if s.From != nil && !hasHealthcheck(s) {
			p.Report(d.File, rule.Report{
				At:      s.From.Span,
				Message: "the image does not say whether it is healthy; add HEALTHCHECK, or HEALTHCHECK NONE where something else looks after it",
			})
		}
	}
}

func hasHealthcheck(s *project.Stage) bool {
	for ; s != nil; s = s.Below {
		if slices.ContainsFunc(s.Instructions, func(i *dockerfile.Instruction) bool { return i.Name == "HEALTHCHECK" }) {
			return true
		}
	}
	return false
}
