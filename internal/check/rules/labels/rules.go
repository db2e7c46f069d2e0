// Package labels holds the rules about the labels of an image: their keys, and
// the schema that check.labels in davit.yaml gives them. Codes, meaning and
// severity are hadolint's; messages are davit's own.
package labels

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return append([]rule.Rule{
		ruleKey(),
		ruleMissing(),
		ruleUnplanned(),
	}, formatRules()...)
}
