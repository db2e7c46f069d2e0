// Package gobuild holds the rules about how a Dockerfile builds a Go program:
// what comes into the build and what the go command makes of it.
package gobuild

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		ruleToolchain(),
		ruleCgo(),
		ruleMusl(),
		ruleOlderLibc(),
		ruleTrimpath(),
		ruleStrip(),
		ruleUpx(),
		ruleDebug(),
		ruleArch(),
		ruleEmulated(),
		ruleMainFile(),
		ruleStamp(),
		ruleShallow(),
	}
}
