// Package shell holds the rules about shell scripts, with ShellCheck's codes:
// what is looked for is ShellCheck's; messages and fixes are davit's own.
package shell

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	all := []rule.Rule{
		ruleCat(),
		ruleBackquotes(),
		ruleAndOr(),
		ruleGlob(),
		ruleOutput(),
		ruleAll(),
		ruleVariable(),
		ruleRmRoot(),
		ruleExport(),
		ruleRead(),
		ruleCd(),
		ruleTestAnd(),
	}
	for _, b := range bashisms() {
		all = append(all, b.rule())
	}
	return all
}
