// Package packages holds the rules that have hadolint's codes and are about what
// RUN does with package managers and other programs.
package packages

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{}
}
