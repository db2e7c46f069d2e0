// Package gocontext holds the rules about what comes into the build of a Go
// program: the order of what is copied, the caches, and what the go command is
// told about modules.
package gocontext

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		ruleOrder(),
		ruleSum(),
		ruleReplace(),
		ruleVendor(),
		ruleCache(),
		ruleGopath(),
		ruleChecksums(),
		ruleToken(),
		ruleEndOfLife(),
		ruleFetchedToolchain(),
	}
}
