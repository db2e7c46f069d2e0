// Package shellcheck passes on what ShellCheck says about the scripts of RUN,
// where it is installed. What davit's own rules with ShellCheck's codes look for
// is left to them.
package shellcheck

import (
	"regexp"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/rule"
)

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	code := regexp.MustCompile(`^SC[0-9]{4}$`)
	return []rule.Rule{{
		Code:     "SC0000",
		Severity: finding.Warning,
		Title:    "Heed what ShellCheck says",
		Why: "ShellCheck knows some three hundred mistakes in shell scripts. Where it is installed, it is asked about each RUN, " +
			"and its findings come under its own codes; `check.shellcheck: off` leaves it alone.",
		Passes:     code.MatchString,
		Dockerfile: ask,
	}}
}
