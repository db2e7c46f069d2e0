package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes a test report: a case for each finding, which has failed when
// the finding makes the check fail, and a case for each file without findings.
func JUnit(w io.Writer, r Report) error {
	suite := junitSuite{Name: "davit check"}
	seen := map[string]bool{}
	for _, f := range r.Findings {
		seen[f.File] = true
		suite.Cases = append(suite.Cases, r.junitCase(f))
		if suite.Cases[len(suite.Cases)-1].Failure != nil {
			suite.Failures++
		}
	}
	if r.Project != nil {
		for _, f := range r.Project.Files() {
			if name := printable(r.path(f.Path)); !seen[f.Path] {
				suite.Cases = append(suite.Cases, junitCase{Name: name, Class: name, File: name})
			}
		}
	}
	suite.Tests = len(suite.Cases)
	return encodeXML(w, junitSuites{Suites: []junitSuite{suite}})
}

func (r Report) junitCase(f finding.Finding) junitCase {
	name := printable(r.path(f.File))
	out := junitCase{
		Name: fmt.Sprintf("%s:%d:%d %s", name, f.Line, f.Column, f.Code), Class: name, File: name, Line: f.Line,
	}
	text := printable(f.Message) + "\n" + excerpt(f, r.line(f.File, f.Line), painter(false)) + page(f.Code)
	if finding.Failed([]finding.Finding{f}, r.FailOn) {
		out.Failure = &junitFailure{Type: string(f.Severity), Message: printable(f.Message), Text: text}
	} else {
		out.Output = strings.TrimSpace(text)
	}
	return out
}
