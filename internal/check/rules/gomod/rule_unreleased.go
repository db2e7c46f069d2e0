package gomod

import (
	"fmt"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleUnreleased() rule.Rule {
	return rule.Rule{
		Code:     "GO606",
		Severity: finding.Info,
		Off:      true,
		Title:    "Require versions that were released",
		Why: "A pseudo-version between two releases is a commit that nobody released: scanners cannot tell which fixes it has. " +
			"+incompatible is a version from before modules, whose own requirements Go does not know.",
		Module: readable(func(p *rule.Pass, m *project.Module) {
			for _, r := range m.Mod.Require {
				if message := unreleased(r); message != "" && !r.Indirect && replaced(m, r) == nil {
					p.Report(m.File, rule.Report{At: span(r.Syntax), Message: message})
				}
			}
		}),
	}
}

// unreleased says what is wrong with a version. A module without any release
// has pseudo-versions with nothing in front: there is nothing else to require.
func unreleased(r *modfile.Require) string {
	v := r.Mod.Version
	switch base, err := module.PseudoVersionBase(v); {
	case module.IsPseudoVersion(v) && err == nil && base != "":
		return fmt.Sprintf("%s is at a commit after %s that was not released; require a release: go get %s@latest", r.Mod.Path, base, r.Mod.Path)
	case strings.HasSuffix(v, "+incompatible"):
		return fmt.Sprintf("%s %s is from before modules, and Go does not know what it requires; see whether there is a %s/%s", r.Mod.Path, v, r.Mod.Path, major(v))
	}
	return ""
}

func major(v string) string {
	first, _, _ := strings.Cut(v, ".")
	return first
}
