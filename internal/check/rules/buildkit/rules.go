// Package buildkit holds the rules that have the names of BuildKit's own build
// checks and no code of hadolint's. Their meaning is that of
// docs.docker.com/reference/build-checks, and their codes are in its order.
package buildkit

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		ruleStageCase(),
		ruleAsCase(),
		ruleEmptyLine(),
		ruleKeywordCase(),
		ruleUndeclaredArg(),
		ruleUndefinedVariable(),
		ruleLegacyPair(),
		ruleEmptyReference(),
		ruleIgnoredSource(),
		ruleDescription(),
		ruleProtocolCase(),
		ruleExposeFormat(),
		ruleBasePlatform(),
	}
}
