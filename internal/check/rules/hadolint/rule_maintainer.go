package hadolint

import (
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleMaintainer() rule.Rule {
	return rule.Rule{
		Code:     "DL4000",
		Aliases:  []string{"MaintainerDeprecated"},
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Write a label, not MAINTAINER",
		Why: "MAINTAINER is deprecated and holds one line of text that few tools show. " +
			"The label org.opencontainers.image.authors is what registries and scanners read.",
		Dockerfile: checkMaintainer,
	}
}

func checkMaintainer(p *rule.Pass, d *project.Dockerfile) {
	started := false
	for _, i := range d.AST.Instructions {
		started = started || i.Name == "FROM"
		if i.Name != "MAINTAINER" {
			continue
		}
		r := rule.Report{
			At:      i.Keyword.Span(),
			Message: "MAINTAINER is deprecated; write LABEL org.opencontainers.image.authors",
		}
		if value, ok := quoted(i.Rest); ok && started && i.Keyword.Contiguous() {
			label := strings.ReplaceAll(sameCase(i.Keyword.String(), "LABEL"), "\n", "") + " org.opencontainers.image.authors="
			r.Fix = rule.SafeFix(rule.Edit(d.File, dockerfile.Span{Start: i.Start, End: i.End}, label+value))
		}
		p.Report(d.File, r)
	}
}

// sameCase writes a keyword in the case of another one.
func sameCase(like, keyword string) string {
	if like == strings.ToLower(like) {
		return strings.ToLower(keyword)
	}
	return keyword
}

// quoted writes a text as the value of a label. Text in quotes of its own has
// them taken off by LABEL.
func quoted(text dockerfile.Text) (string, bool) {
	s := text.String()
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	return `"` + s + `"`, s != "" && text.Contiguous() && !strings.ContainsAny(s, "\"\\`$")
}
