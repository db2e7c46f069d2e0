// Package gomod holds the rules about go.mod, go.sum and go.work.
package gomod

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{}
}
