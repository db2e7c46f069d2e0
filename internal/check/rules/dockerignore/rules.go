// Package dockerignore holds the rules about what a .dockerignore leaves out of
// the build context, and what it does not.
package dockerignore

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		ruleUnwanted(),
		ruleComment(),
		ruleNothing(),
		ruleSource(),
		ruleHidden(),
		rulePrecedence(),
	}
}
