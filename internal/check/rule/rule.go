// Package rule holds what is looked for and the frame that does the looking: a
// Rule says what is wrong with one kind of file, a Set of rules turns a project
// into findings, and comments and configuration take findings away.
//
// Its invariant: the same files and configuration give the same findings in the
// same order. A rule looks at a loaded project and changes nothing.
package rule

import (
	"errors"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/ignore"
	"github.com/davit-dev/davit/internal/check/project"
)

// Rule is one thing that is looked for. It has a function for each kind of file
// that it looks at.
type Rule struct {
	Code     string           // hadolint's code where the meaning is the same, otherwise ours
	Aliases  []string         // what other tools call it
	Severity finding.Severity // of its findings, unless a finding is less certain
	Off      bool             // it is quiet unless the configuration asks for it
	Fix      finding.Safety   // of the fix that it offers, the worst one; empty without
	Title    string           // what to do, in a few words
	Why      string           // what happens otherwise

	Passes func(code string) bool // codes of another tool that it reports under; nil for none

	Dockerfile func(*Pass, *project.Dockerfile)
	Compose    func(*Pass, *project.Compose)
	Ignore     func(*Pass, *project.Ignore)
	Module     func(*Pass, *project.Module)
	Project    func(*Pass) // what is wrong between files, or with what is not there
}

// Codes of what the frame itself finds.
const (
	codePragma = "GO000"
	codeSyntax = "GO001"
)

// frame describes what the frame finds by itself.
func frame() Set {
	return Set{
		{
			Code:     codePragma,
			Severity: finding.Warning,
			Title:    "An ignore comment names a rule that does not exist",
			Why:      "A comment such as `# davit ignore=GO11` ignores nothing, and whoever wrote it believes that it does.",
		},
		{
			Code:     codeSyntax,
			Aliases:  []string{"DL1000"},
			Severity: finding.Error,
			Title:    "The file cannot be read",
			Why:      "What is not a Dockerfile, a compose file, a .dockerignore or a go.mod does not build. The other rules look at what could be read of it.",
			Dockerfile: func(p *Pass, d *project.Dockerfile) {
				for _, e := range d.AST.Errors {
					p.Report(d.File, Report{At: e.Span, Message: e.Message})
				}
			},
			Compose: func(p *Pass, c *project.Compose) {
				for _, e := range c.AST.Errors {
					p.Report(c.File, Report{At: dockerfile.Span(e.Span), Message: e.Message})
				}
			},
			Ignore: func(p *Pass, i *project.Ignore) {
				if wrong, found := errors.AsType[*ignore.Error](i.Problem); found {
					p.Report(i.File, Report{At: dockerfile.Span{Start: wrong.Start, End: wrong.End}, Message: wrong.Err.Error()})
				}
			},
			Module: func(p *Pass, m *project.Module) {
				if m.Problem != "" {
					p.reportLine(m.File, m.AtLine, m.AtColumn, m.Problem)
				}
			},
		},
	}
}
