// Package render writes findings down: for people, for editors, and in the
// formats that other tools read.
//
// Its invariant: what a format is given comes out whole and valid in that
// format, whatever bytes it holds.
package render

import (
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// Report is what is written down.
type Report struct {
	Findings []finding.Finding
	Project  *project.Project // that the findings are about
	Rules    rule.Set         // that were asked
	FailOn   finding.Severity // least severity that is a failure; empty: Warning
	Version  string           // of davit
	// Folder is where the project is in its repository, with slashes; empty at
	// the root. The formats of forges show paths from there.
	Folder  string
	Colored bool // Text is for a terminal
}

// Format is a way to write findings down.
type Format struct {
	Name  string
	Write func(io.Writer, Report) error
}

// Formats returns all of them.
func Formats() []Format {
	return []Format{
		{"text", Text},
		{"json", JSON},
		{"sarif", SARIF},
		{"github", GitHub},
		{"gitlab", GitLab},
		{"codeclimate", GitLab},
		{"checkstyle", Checkstyle},
		{"junit", JUnit},
	}
}

// Names lists the formats for people.
func Names() string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// path returns a file of the project as the repository calls it.
func (r Report) path(file string) string {
	if r.Folder == "" || file == "-" {
		return file
	}
	return path.Join(r.Folder, file)
}

// line returns a line of one of the project's files.
func (r Report) line(file string, n int) string {
	if r.Project == nil {
		return ""
	}
	f := r.Project.File(file)
	if f == nil {
		return ""
	}
	text, _ := f.Line(n)
	return text
}

// characters turns a column in bytes into one in characters.
func (r Report) characters(file string, line, column int) int {
	text := r.line(file, line)
	return utf8.RuneCountInString(text[:min(max(column-1, 0), len(text))]) + 1
}

// page returns where the documentation of a rule is.
func page(code string) string {
	return "https://github.com/davit-dev/davit/blob/main/" + finding.Finding{Code: code}.Doc()
}
