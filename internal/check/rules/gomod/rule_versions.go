package gomod

import (
	"fmt"
	"go/version"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleVersions() rule.Rule {
	return rule.Rule{
		Code:     "GO604",
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Test and build with the Go that go.mod names",
		Why: "go.mod, the workflow that tests and the image that builds each name a version of Go. When they differ, " +
			"what was tested is not what is shipped, and the older one downloads another toolchain in each run, or fails.",
		Module: readable(checkVersions),
	}
}

func checkVersions(p *rule.Pass, m *project.Module) {
	if m.Mod.Go == nil {
		return
	}
	toolchain(p, m)
	for _, s := range workflows(p.Project, m) {
		have, want := "go"+s.version, "go"+m.Go
		at := span(m.Mod.Go.Syntax)
		switch {
		case s.written != s.version && !strings.ContainsAny(s.written, `"'x`):
			p.Report(m.File, rule.Report{At: at, Message: fmt.Sprintf("%s:%d asks for go-version %s, which YAML reads as the number %s; put it in quotes, or use go-version-file: go.mod", s.file, s.line, s.written, s.version)})
		case older(have, want):
			p.Report(m.File, rule.Report{At: at, Message: fmt.Sprintf("%s:%d tests with Go %s, which is older than `go %s`; use go-version-file: go.mod", s.file, s.line, s.version, m.Go)})
		default:
			compareBuild(p, m, s)
		}
	}
}

// toolchain speaks about a toolchain line that is older than the go line, which
// the go command does not look at.
func toolchain(p *rule.Pass, m *project.Module) {
	if m.Toolchain == "" || version.Compare("go"+m.Toolchain, "go"+m.Go) >= 0 {
		return
	}
	line := m.Mod.Toolchain.Syntax
	r := rule.Report{At: span(line), Message: fmt.Sprintf("toolchain go%s is older than `go %s` and means nothing; take the line away", m.Toolchain, m.Go)}
	number, _ := m.Position(line.Start.Byte)
	text, start := m.Line(number)
	_, next := m.Line(number + 1)
	if strings.TrimSpace(text) == strings.TrimSpace(m.Source[line.Start.Byte:line.End.Byte]) {
		before, above := m.Line(number - 1)
		after, _ := m.Line(number + 1)
		if number > 1 && strings.TrimSpace(before) == "" && strings.TrimSpace(after) == "" {
			start = above
		}
		r.Fix = rule.SafeFix(rule.Edit(m.File, dockerfile.Span{Start: start, End: next}, ""))
	}
	p.Report(m.File, r)
}

// workflows returns what the workflows ask for that are in a module's folder or
// in the root of the project, unless that has modules of its own besides.
func workflows(p *project.Project, m *project.Module) []setup {
	if project.Exists(filepath.Join(m.Dir, ".github", "workflows")) {
		return setups(m.Dir)
	}
	if len(p.Modules) > 1 || !project.Within(p.Root, m.Dir) {
		return nil
	}
	return setups(p.Root)
}

// older says whether a version is older than another one; without patch it is
// the newest of its line.
func older(have, want string) bool {
	if !version.IsValid(have) || !version.IsValid(want) {
		return false
	}
	if version.Lang(have) == have {
		return version.Compare(have, version.Lang(want)) < 0
	}
	return version.Compare(have, want) < 0
}

// compareBuild speaks when the images build with another line of Go than the
// workflow tests with, and with none that it does test with.
func compareBuild(p *rule.Pass, m *project.Module, s setup) {
	var lines []string
	where := ""
	for _, d := range p.Project.Dockerfiles {
		for _, stage := range d.Stages {
			tag, ok := stage.Base.GoTag()
			if d.Module != m || stage.Below != nil || !ok || len(stage.Products) == 0 {
				continue
			}
			lines = append(lines, version.Lang("go"+tag.Version.String()))
			where = d.Path
		}
	}
	tested := version.Lang("go" + s.version)
	all := workflows(p.Project, m)
	for _, line := range lines {
		if !slices.ContainsFunc(all, func(o setup) bool { return version.Lang("go"+o.version) == line }) {
			p.Report(m.File, rule.Report{At: span(m.Mod.Go.Syntax), Severity: finding.Info, Message: fmt.Sprintf(
				"%s builds with Go %s, and %s:%d tests with Go %s; use one line of Go for both", where, strings.TrimPrefix(line, "go"), s.file, s.line, strings.TrimPrefix(tested, "go"))})
			return
		}
	}
}
