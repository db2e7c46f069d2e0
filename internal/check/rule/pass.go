package rule

import (
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
)

// Pass is one rule looking at one file of a project.
type Pass struct {
	Rule    Rule
	Project *project.Project
	Config  Config

	findings []finding.Finding
}

// ShellCheck returns the path of the program; empty when it is not to be asked.
func (p *Pass) ShellCheck() string { return p.Config.program }

// Report is what a rule says.
type Report struct {
	At       dockerfile.Span  // bytes of the file
	Severity finding.Severity // empty: the rule's
	Code     string           // empty: the rule's; otherwise one that the rule passes on
	Message  string           // what is wrong here and what to do, without a full stop
	Fix      *finding.Fix
}

// Report says that something is wrong with a file.
func (p *Pass) Report(f *project.File, r Report) {
	if r.Severity == "" {
		r.Severity = p.Rule.Severity
	}
	if r.Code == "" {
		r.Code = p.Rule.Code
	}
	line, column := f.Position(r.At.Start)
	endLine, endColumn := f.Position(r.At.End)
	p.findings = append(p.findings, finding.Finding{
		Code: r.Code, Severity: r.Severity, Message: r.Message, File: f.Path, Fix: r.Fix,
		Line: line, Column: column, EndLine: endLine, EndColumn: endColumn,
	})
}

// reportLine is Report for a place that is known by its line and column.
func (p *Pass) reportLine(f *project.File, line, column int, message string) {
	p.findings = append(p.findings, finding.Finding{
		Code: p.Rule.Code, Severity: p.Rule.Severity, Message: message, File: f.Path,
		Line: line, Column: column, EndLine: line, EndColumn: column,
	})
}

// Edit makes an edit of a file.
func Edit(f *project.File, at dockerfile.Span, text string) finding.Edit {
	return finding.Edit{File: f.Path, Start: at.Start, End: at.End, Text: text}
}

// Insert makes an edit that puts text before the byte at an offset.
func Insert(f *project.File, offset int, text string) finding.Edit {
	return Edit(f, dockerfile.Span{Start: offset, End: offset}, text)
}

// SafeFix makes a fix that keeps what a working build does.
func SafeFix(edits ...finding.Edit) *finding.Fix {
	return &finding.Fix{Safety: finding.Safe, Edits: edits}
}

// UnsafeFix makes a fix that a person should look at.
func UnsafeFix(edits ...finding.Edit) *finding.Fix {
	return &finding.Fix{Safety: finding.Unsafe, Edits: edits}
}
