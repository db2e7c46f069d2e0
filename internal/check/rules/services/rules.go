// Package services holds the rules about compose files: between a service, the
// image that it runs, and the services that it needs.
package services

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{
		ruleWritable(),
		ruleDepends(),
		ruleTarget(),
		ruleListen(),
		ruleHealthcheck(),
		rulePrivileged(),
		ruleSocket(),
		ruleHost(),
		ruleCapability(),
		ruleConfinement(),
		ruleNewPrivileges(),
		ruleReadOnly(),
		ruleLimits(),
		ruleMemory(),
		ruleRestart(),
		ruleLowPort(),
		ruleOpenDatabase(),
		ruleHostFolder(),
		rulePropagation(),
		ruleVersion(),
		ruleQuotePorts(),
		ruleBuildImage(),
		ruleContainerName(),
		rulePublishedTwice(),
		ruleUnquoteVolumes(),
		ruleTag(),
		ruleOrder(),
		ruleSecret(),
		ruleUndefined(),
	}
}
