// Package goimage holds the rules about the image that a Go program is shipped
// in: whether the program starts there, and what it finds.
package goimage

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		ruleNeedsCgo(),
		ruleFinalGolang(),
		ruleRoots(),
		ruleZones(),
		ruleTemp(),
		ruleUser(),
		ruleShellForm(),
		ruleHealthcheck(),
		rulePort(),
		ruleLoopback(),
		rulePrivileged(),
		ruleEntrypoint(),
		ruleFiles(),
		ruleSignals(),
	}
}
