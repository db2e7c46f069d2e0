package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
)

// GitHub writes the commands by which a GitHub workflow annotates files
// (docs.github.com, "Workflow commands for GitHub Actions").
func GitHub(w io.Writer, r Report) error {
	for _, f := range r.Findings {
		a := Annotation{
			Severity: f.Severity, File: r.path(f.File), Line: f.Line, EndLine: f.EndLine,
			Title: f.Code, Message: printable(f.Message),
		}
		if f.Line == f.EndLine { // columns are for a single line
			a.Column = r.characters(f.File, f.Line, f.Column)
			a.EndColumn = r.characters(f.File, f.EndLine, f.EndColumn)
		}
		if _, err := fmt.Fprintln(w, a); err != nil {
			return fmt.Errorf("write findings: %w", err)
		}
	}
	return nil
}

// Annotation is a message at a place of a file, for a GitHub workflow. What is
// zero is left out.
type Annotation struct {
	Severity          finding.Severity
	File              string
	Line, EndLine     int
	Column, EndColumn int
	Title, Message    string
}

// String returns the workflow command.
func (a Annotation) String() string {
	var properties []string
	text := func(name, value string) {
		if value != "" {
			properties = append(properties, name+"="+escapeProperty(value))
		}
	}
	number := func(name string, value int) {
		if value > 0 {
			properties = append(properties, fmt.Sprintf("%s=%d", name, value))
		}
	}
	text("file", a.File)
	number("line", a.Line)
	number("endLine", a.EndLine)
	number("col", a.Column)
	number("endColumn", a.EndColumn)
	text("title", a.Title)
	command := "::" + gitHubLevel(a.Severity)
	if len(properties) > 0 {
		command += " " + strings.Join(properties, ",")
	}
	return command + "::" + escapeData(a.Message)
}

func gitHubLevel(s finding.Severity) string {
	switch s {
	case finding.Error:
		return "error"
	case finding.Warning:
		return "warning"
	default:
		return "notice"
	}
}

func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(strings.ToValidUTF8(s, "\ufffd"))
}

func escapeProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeData(s))
}
