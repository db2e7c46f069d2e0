package render

import (
	"encoding/xml"
	"fmt"
	"io"

	"github.com/davit-dev/davit/internal/check/finding"
)

type styleReport struct {
	XMLName xml.Name    `xml:"checkstyle"`
	Version string      `xml:"version,attr"`
	Files   []styleFile `xml:"file"`
}

type styleFile struct {
	Name   string       `xml:"name,attr"`
	Errors []styleError `xml:"error"`
}

type styleError struct {
	Line     int    `xml:"line,attr"`
	Column   int    `xml:"column,attr"`
	Severity string `xml:"severity,attr"`
	Message  string `xml:"message,attr"`
	Source   string `xml:"source,attr"`
}

// Checkstyle writes the XML of the program of that name (its XMLLogger), which
// many tools read.
func Checkstyle(w io.Writer, r Report) error {
	out := styleReport{Version: "8.0"}
	for _, f := range r.Findings {
		name := printable(r.path(f.File))
		if len(out.Files) == 0 || out.Files[len(out.Files)-1].Name != name {
			out.Files = append(out.Files, styleFile{Name: name})
		}
		last := &out.Files[len(out.Files)-1]
		last.Errors = append(last.Errors, styleError{
			Line: f.Line, Column: r.characters(f.File, f.Line, f.Column), Severity: checkstyleSeverity(f.Severity),
			Message: printable(f.Message), Source: "davit." + f.Code,
		})
	}
	return encodeXML(w, out)
}

func checkstyleSeverity(s finding.Severity) string {
	if s == finding.Style {
		return string(finding.Info)
	}
	return string(s)
}

func encodeXML(w io.Writer, value any) error {
	text, err := xml.MarshalIndent(value, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	}
	if err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}
