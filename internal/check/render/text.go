package render

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/davit-dev/davit/internal/check/finding"
)

// Text writes findings for people: "file:line:column: severity: message [CODE]",
// the line of the source, and a caret under the place.
func Text(w io.Writer, r Report) error {
	paint := painter(r.Colored)
	for _, f := range r.Findings {
		_, err := fmt.Fprintf(w, "%s:%d:%d: %s: %s [%s]\n%s", printable(f.File), f.Line, f.Column,
			paint(color(f.Severity), string(f.Severity)), printable(f.Message), f.Code, excerpt(f, r.line(f.File, f.Line), paint))
		if err != nil {
			return fmt.Errorf("write findings: %w", err)
		}
	}
	return nil
}

func painter(colored bool) func(code, text string) string {
	if !colored {
		return func(_, text string) string { return text }
	}
	return func(code, text string) string { return "\x1b[" + code + "m" + text + "\x1b[0m" }
}

// color returns the parameters of the terminal's "select graphic rendition".
func color(s finding.Severity) string {
	switch s {
	case finding.Error:
		return "1;31"
	case finding.Warning:
		return "1;33"
	case finding.Info:
		return "1;36"
	default:
		return "1;34"
	}
}

// mostColumns is how much of a long line is shown, from a little before the place.
const (
	mostColumns   = 120
	columnsBefore = 60
)

func excerpt(f finding.Finding, line string, paint func(code, text string) string) string {
	from := min(f.Column-1, len(line))
	to := len(line)
	if f.EndLine == f.Line {
		to = min(max(f.EndColumn-1, from), len(line))
	}
	if strings.TrimSpace(line) == "" {
		return ""
	}
	start := 0
	if from > columnsBefore && len(line) > mostColumns {
		start = from - columnsBefore
		for start < from && !utf8.RuneStart(line[start]) {
			start++
		}
	}
	end := min(len(line), start+mostColumns)
	for end < len(line) && !utf8.RuneStart(line[end]) {
		end++
	}
	to = min(to, end)
	before, marked := printable(line[start:from]), printable(line[from:to])
	caret := "^" + strings.Repeat("~", max(utf8.RuneCountInString(marked)-1, 0))
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
	return "  " + before + marked + printable(line[to:end]) + "\n  " + pad + paint("1;32", caret) + "\n"
}

// printable shows what a terminal would act upon, or not show, as "·".
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
