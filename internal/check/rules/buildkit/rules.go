// Package buildkit holds the rules that have the names of BuildKit's own build
// checks and no code of hadolint's.
package buildkit

import "github.com/davit-dev/davit/internal/check/rule"

// Rules returns the rules of this family.
func Rules() []rule.Rule {
	return []rule.Rule{}
}
