package labels

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleKey() rule.Rule {
	return rule.Rule{
		Code:     "DL3048",
		Severity: finding.Style,
		Title:    "Name labels as Docker's guidelines say",
		Why: "Labels are looked up by their exact key. One with capitals, underscores or a dot too many is found by nobody, " +
			"and one in a namespace of Docker's may come to mean something.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			each(d, func(l label) {
				if problem := keyProblem(l.key.String()); l.key.Known && problem != "" {
					p.Report(d.File, rule.Report{At: l.Name.Span(), Message: fmt.Sprintf("the label %q %s", l.key, problem)})
				}
			})
		},
	}
}

// keyProblem says what is wrong with a key (docs.docker.com/engine/manage-resources/labels,
// "Key format recommendations").
func keyProblem(key string) string {
	for _, reserved := range []string{"com.docker.", "io.docker.", "org.dockerproject."} {
		if strings.HasPrefix(key, reserved) {
			return fmt.Sprintf("begins with %s, which is Docker's own; take a domain of yours", reserved)
		}
	}
	for _, r := range key {
		if !isLower(r) && !isDigit(r) && r != '.' && r != '-' {
			return fmt.Sprintf("has %q in it; keys are lower-case letters, digits, dots and dashes", r)
		}
	}
	last := strings.TrimRight(key, ".-")
	switch {
	case key == "" || !isLower(rune(key[0])) || last != key:
		return "does not begin with a letter and end with a letter or digit"
	case strings.Contains(key, "..") || strings.Contains(key, "--") || strings.Contains(key, ".-") || strings.Contains(key, "-."):
		return "has two dots or dashes in a row; keep one"
	}
	return ""
}

func isLower(r rune) bool { return 'a' <= r && r <= 'z' }

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
