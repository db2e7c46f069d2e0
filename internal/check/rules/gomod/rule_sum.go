package gomod

import (
	"fmt"
	"path/filepath"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleSum() rule.Rule {
	return rule.Rule{
		Code:     "GO601",
		Severity: finding.Error,
		Title:    "Keep go.sum beside go.mod",
		Why: "Without the checksums in go.sum nothing that is imported from another module builds: " +
			"`missing go.sum entry for module providing package …`. And nobody would notice that a version is not what it was.",
		Module: readable(checkSum),
	}
}

func checkSum(p *rule.Pass, m *project.Module) {
	if len(m.Mod.Require) == 0 || project.Exists(filepath.Join(m.Dir, "go.sum")) || project.Exists(filepath.Join(m.Dir, "vendor", "modules.txt")) || inWorkspace(m) {
		return
	}
	foreign := m.Reach("", nil).Foreign
	for _, r := range m.Mod.Require {
		if by := replaced(m, r); by != nil && by.New.Version == "" {
			continue
		}
		for _, pkg := range foreign {
			if project.InModule(pkg, r.Mod.Path) {
				p.Report(m.File, rule.Report{At: span(r.Syntax), Message: fmt.Sprintf(
					"there is no go.sum, and %s is imported: go build refuses it; run `go mod tidy` and check go.sum in", pkg)})
				return
			}
		}
	}
}

// inWorkspace says that a go.work is in a folder above, whose go.work.sum may
// have the checksums.
func inWorkspace(m *project.Module) bool {
	for dir := m.Dir; ; dir = filepath.Dir(dir) {
		if project.Exists(filepath.Join(dir, "go.work")) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}
