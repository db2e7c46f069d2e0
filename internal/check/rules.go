package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Rule is one thing that is looked for.
type Rule struct {
	Code     string   // hadolint's code where the meaning is the same, otherwise ours
	Aliases  []string // what other tools call it
	Severity Severity // of its findings, unless a finding is less certain
	Fix      Safety   // of the fix that it offers; empty without
	Title    string   // what to do, in a few words
	Why      string   // what happens otherwise

	check func(*pass) // nil for what the frame itself finds
}

// Rules returns all rules in the order of their codes.
func Rules() []Rule {
	return []Rule{
		ruleAdd(),
		rulePragma(),
		ruleSyntax(),
		ruleToolchain(),
		ruleCgo(),
		ruleFinalGolang(),
	}
}

// rulePragma and ruleSyntax describe what the frame finds by itself.
func rulePragma() Rule {
	return Rule{
		Code:     codePragma,
		Severity: Warning,
		Title:    "An ignore comment names a rule that does not exist",
		Why:      "A comment such as `# davit ignore=GO11` ignores nothing, and whoever wrote it believes that it does.",
	}
}

func ruleSyntax() Rule {
	return Rule{
		Code:     codeSyntax,
		Aliases:  []string{"DL1000"},
		Severity: Error,
		Title:    "The file cannot be read",
		Why:      "What is not a Dockerfile, or not a go.mod, does not build. The other rules look at what could be read of it.",
	}
}

const (
	codePragma = "GO000"
	codeSyntax = "GO001"
)

// pass is one rule looking at one Dockerfile of a project.
type pass struct {
	rule     Rule
	project  *Project
	file     *Dockerfile
	findings []Finding
}

// report is what a rule says.
type report struct {
	at       dockerfile.Span
	severity Severity // empty: the rule's
	message  string
	fix      *Fix
}

func (p *pass) report(r report) {
	if r.severity == "" {
		r.severity = p.rule.Severity
	}
	from, to := p.file.File.Position(r.at.Start), p.file.File.Position(r.at.End)
	p.findings = append(p.findings, Finding{
		Code: p.rule.Code, Severity: r.severity, Message: r.message, File: p.file.Path, Fix: r.fix,
		Line: from.Line, Column: from.Column, EndLine: to.Line, EndColumn: to.Column,
	})
}

// edit makes an edit of the file that the pass looks at.
func (p *pass) edit(at dockerfile.Span, text string) Edit {
	return Edit{File: p.file.Path, Start: at.Start, End: at.End, Text: text}
}

// insert makes an edit that puts text before the byte at an offset.
func (p *pass) insert(offset int, text string) Edit {
	return p.edit(dockerfile.Span{Start: offset, End: offset}, text)
}

// canonical returns the code that a name stands for.
func canonical(name string) (code string, known bool) {
	for _, r := range Rules() {
		if strings.EqualFold(r.Code, name) || slices.ContainsFunc(r.Aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			return r.Code, true
		}
	}
	return "", false
}

// unknown says that a name is no code, and which one may have been meant.
func unknown(name string) error {
	best, distance := "", 3
	for _, r := range Rules() {
		for _, known := range append([]string{r.Code}, r.Aliases...) {
			if d := levenshtein(strings.ToUpper(name), strings.ToUpper(known)); d < distance {
				best, distance = known, d
			}
		}
	}
	if best == "" {
		return fmt.Errorf("%q is not the code of a rule; `davit check --list` shows them", name)
	}
	return fmt.Errorf("%q is not the code of a rule; did you mean %q?", name, best)
}

// levenshtein counts the letters to add, take away or change to get from a to
// b. Names longer than any code are not compared.
func levenshtein(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, change)
		}
	}
	return row[len(b)]
}
