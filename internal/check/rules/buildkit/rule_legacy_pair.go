package buildkit

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleLegacyPair() rule.Rule {
	return rule.Rule{
		Code:     "BK007",
		Aliases:  []string{"LegacyKeyValueFormat"},
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Write ENV and LABEL with an equals sign",
		Why: "With a space between name and value, everything up to the end of the line is the value: " +
			"in `ENV A=1 B=2` there are two variables, in `ENV A 1 B 2` there is one.",
		Dockerfile: checkLegacyPair,
	}
}

func checkLegacyPair(p *rule.Pass, d *project.Dockerfile) {
	for _, i := range d.AST.Instructions {
		if i.Trigger != nil {
			i = i.Trigger
		}
		if i.Name != "ENV" && i.Name != "LABEL" || len(i.Args) < 2 || strings.Contains(i.Args[0].String(), "=") {
			continue
		}
		a := i.Assignments()[0]
		r := rule.Report{
			At:      i.Rest.Span(),
			Message: fmt.Sprintf("%s is set with a space; write %s=…", a.Name, a.Name),
		}
		if value, same := pairValue(a.Value.String()); same && i.Rest.Contiguous() {
			from := dockerfile.Span{Start: a.Name.Span().End, End: a.Value.Span().End}
			r.Fix = rule.SafeFix(rule.Edit(d.File, from, "="+value))
		}
		p.Report(d.File, r)
	}
}

// pairValue writes a value so that it comes to the same behind an equals sign.
func pairValue(value string) (string, bool) {
	inner := value
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		inner = value[1 : len(value)-1]
	}
	switch {
	case inner == "" || strings.ContainsAny(inner, "\"'\\`"):
		return "", false
	case inner != value || !strings.ContainsAny(value, " \t\v\f\r"):
		return value, true
	}
	return `"` + value + `"`, true
}
