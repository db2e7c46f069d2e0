// Package hadolint holds the rules that have hadolint's codes: what is looked
// for, and how bad it is, are hadolint's; messages and fixes are davit's own.
// Those about labels are in package labels, those about commands in others.
package hadolint

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		rulePragma(),
		ruleWorkdir(),
		ruleRoot(),
		ruleUntagged(),
		ruleLatest(),
		ruleArchive(),
		rulePort(),
		ruleOneHealthcheck(),
		ruleAdd(),
		ruleCopyFolder(),
		ruleCopyFromUnknown(),
		ruleCopyFromSelf(),
		ruleStageTwice(),
		ruleExecForm(),
		ruleRegistry(),
		rulePlatformConstant(),
		ruleOnbuild(),
		ruleEnvSelf(),
		ruleCopyRelative(),
		ruleHealthcheck(),
		ruleFirst(),
		ruleStageReserved(),
		ruleSecret(),
		rulePlatformRedundant(),
		ruleNumericUser(),
		ruleCopyRoot(),
		ruleMaintainer(),
		ruleOneCmd(),
		ruleOneEntrypoint(),
	}
}
