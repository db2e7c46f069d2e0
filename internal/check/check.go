// Package check turns the files of a project into findings: what is wrong
// between the Dockerfiles, go.mod and the Go source, where it is to the byte,
// and how it is mended.
//
// Its invariants: the same files and configuration give the same findings in
// the same order; a fix changes the bytes that its edits name and no other; an
// error of davit's own rules says that something will not build, will not start
// or leaks a secret, never less (rules with hadolint's codes keep hadolint's
// severity). It must not import build or anything after it on the way, and it
// runs nothing and asks no network.
//
// A rule is one file, rule_<name>.go, and stands in the list in rules.go.
package check

import (
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Run looks at a project with all rules. The findings are sorted by file, line,
// column and code; cfg has been validated by the caller.
func Run(p *Project, cfg Config) []Finding {
	perFile := make([][]Finding, len(p.Dockerfiles))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, file := range p.Dockerfiles {
		group.Go(func() error {
			perFile[i] = p.look(file)
			return nil
		})
	}
	_ = group.Wait() // the functions above return no error
	findings := cfg.apply(append(slices.Concat(perFile...), p.moduleFindings()...))
	slices.SortFunc(findings, order)
	return slices.CompactFunc(findings, func(a, b Finding) bool { return order(a, b) == 0 })
}

// look applies all rules to a Dockerfile.
func (p *Project) look(file *Dockerfile) []Finding {
	var found []Finding
	pragmas, strange := readPragmas(file.File)
	for _, rule := range Rules() {
		pass := &pass{rule: rule, project: p, file: file}
		switch rule.Code {
		case codePragma:
			for _, r := range strange {
				pass.report(r)
			}
		case codeSyntax:
			pass.syntax()
		default:
			rule.check(pass)
		}
		found = append(found, pass.findings...)
	}
	return slices.DeleteFunc(found, func(f Finding) bool {
		_, start := file.File.Line(f.Line)
		return pragmas.ignores(f.Code, start+f.Column-1)
	})
}

func (p *pass) syntax() {
	for _, e := range p.file.File.Errors {
		p.report(report{at: e.Span, message: e.Message})
	}
}

// moduleFindings says which go.mod files cannot be read.
func (p *Project) moduleFindings() []Finding {
	var found []Finding
	for _, m := range p.Modules {
		if m.problem == "" {
			continue
		}
		found = append(found, Finding{
			Code: codeSyntax, Severity: Error, Message: m.problem, File: m.Path,
			Line: m.problemAt.Line, Column: m.problemAt.Column,
			EndLine: m.problemAt.Line, EndColumn: m.problemAt.Column,
		})
	}
	return found
}

// line returns a line of one of the project's files, counted from 1.
func (p *Project) line(file string, n int) string {
	for _, d := range p.Dockerfiles {
		if d.Path == file {
			text, _ := d.File.Line(n)
			return text
		}
	}
	for _, m := range p.Modules {
		if m.Path == file {
			lines := strings.Split(m.source, "\n")
			return strings.TrimSuffix(lines[min(n, len(lines))-1], "\r")
		}
	}
	return ""
}
