package gomod

import (
	"fmt"
	"go/version"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleReplace() rule.Rule {
	return rule.Rule{
		Code:     "GO603",
		Severity: finding.Info,
		Title:    "Know what a replace hides",
		Why: "A module that is replaced by a folder has the version (devel) in the program: no scanner knows what is wrong with it. " +
			"One that is replaced by a fork gets no fix of the original. And `go install module@version` refuses any replace.",
		Module: readable(func(p *rule.Pass, m *project.Module) {
			for _, r := range m.Mod.Replace {
				if report, wrong := judgeReplace(p, m, r); wrong {
					report.At = span(r.Syntax)
					p.Report(m.File, report)
				}
			}
		}),
	}
}

func judgeReplace(p *rule.Pass, m *project.Module, r *modfile.Replace) (rule.Report, bool) {
	switch {
	case r.New.Path == r.Old.Path:
		return rule.Report{}, false // another version of the same
	case r.New.Version != "":
		return rule.Report{Message: fmt.Sprintf("%s is the fork %s: fixes of the original do not come by themselves, and scanners look for another name", r.Old.Path, r.New.Path)}, true
	}
	dir := filepath.FromSlash(r.New.Path)
	absolute := filepath.IsAbs(dir)
	if !absolute {
		dir = filepath.Join(m.Dir, dir)
	}
	_, home := m.Real()
	inside := project.Within(p.Project.Root, dir) || project.Within(home, dir)
	switch {
	case inside && !absolute && !project.Exists(filepath.Join(dir, "go.mod")):
		return gone(m, r), true
	case !inside || absolute:
		return rule.Report{Severity: finding.Warning, Message: fmt.Sprintf("%s is outside of the project, so the build works on this machine only; require a version of %s, or use a go.work that is not checked in", r.New.Path, r.Old.Path)}, true
	}
	if sameRepository(m.Name, r.Old.Path) {
		return rule.Report{}, false // a project of several modules
	}
	return rule.Report{Message: fmt.Sprintf("%s is built from %s and has no version in the program, so scanners pass over it", r.Old.Path, r.New.Path)}, true
}

// gone is about a folder that is not there: it is looked for when a package of
// the module is imported, and before Go 1.17 also when it is only required.
func gone(m *project.Module, r *modfile.Replace) rule.Report {
	required := slices.ContainsFunc(m.Mod.Require, func(q *modfile.Require) bool { return q.Mod.Path == r.Old.Path })
	imported := func() bool {
		return slices.ContainsFunc(m.Reach("", nil).Foreign, func(pkg string) bool { return project.InModule(pkg, r.Old.Path) })
	}
	if required && (version.Compare("go"+m.Go, "go1.17") < 0 || imported()) {
		return rule.Report{Severity: finding.Error, Message: fmt.Sprintf("there is no go.mod in %s, which stands for %s: nothing builds; take the replace away or bring the folder back", r.New.Path, r.Old.Path)}
	}
	return rule.Report{Severity: finding.Warning, Message: fmt.Sprintf("there is no go.mod in %s, which stands for %s; take the replace away", r.New.Path, r.Old.Path)}
}

// sameRepository says that two modules are from one repository, as far as their
// names tell: host, owner and name.
func sameRepository(a, b string) bool {
	first := func(path string) string {
		parts := strings.SplitN(path, "/", 4)
		return strings.Join(parts[:min(len(parts), 3)], "/")
	}
	return project.InModule(a, b) || project.InModule(b, a) || first(a) == first(b) && strings.Count(a, "/") > 1
}
