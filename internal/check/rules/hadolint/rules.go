// Package hadolint holds the rules that have hadolint's codes: what is looked
// for, and how bad it is, are hadolint's; messages and fixes are davit's own.
package hadolint

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		ruleAdd(),
	}
}
