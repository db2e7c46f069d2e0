// Package packages holds the rules that have hadolint's codes and are about what
// RUN does: package managers and other programs. What is looked for, and how bad
// it is, are hadolint's; messages and fixes are davit's own.
package packages

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	all := []rule.Rule{
		ruleAimless(),
		ruleChangeFolder(),
		ruleSudo(),
		ruleRecommends(),
		ruleApkCache(),
		ruleApt(),
		ruleDistUpgrade(),
		rulePipCache(),
		ruleUseradd(),
		ruleWget(),
		ruleConsecutive(),
		ruleGoVersion(),
		ruleTwoFetchers(),
		ruleShellLink(),
		rulePipefail(),
	}
	for _, m := range pinnings() {
		all = append(all, m.rule())
	}
	for _, m := range confirmings() {
		all = append(all, m.rule())
	}
	for _, m := range cleanings() {
		all = append(all, m.rule())
	}
	return all
}
