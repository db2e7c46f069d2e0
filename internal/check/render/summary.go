package render

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
)

// Summary returns a line that counts findings by severity, and what of them can
// be fixed how: "1 error, 2 warnings; `davit check --fix` fixes 2 of them".
func Summary(findings []finding.Finding) string {
	count := map[finding.Severity]int{}
	fixes := map[finding.Safety]int{}
	for _, f := range findings {
		count[f.Severity]++
		if f.Fix != nil {
			fixes[f.Fix.Safety]++
		}
	}
	var parts []string
	for _, s := range finding.Severities() {
		switch n := count[s]; {
		case n == 0:
		case n == 1 || s == finding.Info || s == finding.Style:
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", n, s))
		}
	}
	if len(parts) == 0 {
		return "no findings"
	}
	text := strings.Join(parts, ", ")
	if n := fixes[finding.Safe]; n > 0 {
		text += fmt.Sprintf("; `davit check --fix` fixes %d of them", n)
	}
	if n := fixes[finding.Unsafe]; n > 0 {
		text += fmt.Sprintf("; `davit check --fix=unsafe` fixes %d more, to be looked at", n)
	}
	return text
}
