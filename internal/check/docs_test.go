package check_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/davit-dev/davit/internal/check"
)

const docs = "../../docs/checks.md"

// The parts of docs/checks.md that rules.go says; -update writes them.
const (
	indexBegin = "<!-- The index is written by: go test ./internal/check -run TestDocs -update -->\n"
	indexEnd   = "<!-- end of index -->\n"
	headEnd    = "<!-- end of head -->\n"
)

// TestDocs executes the examples of docs/checks.md: the failing one of a rule
// has findings of that code and no other, the passing one none at all, and the
// fixes make of the failing one what stands there.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	want := replace(t, text, indexBegin, indexEnd, index())
	for _, r := range check.Rules() {
		want = replace(t, want, "\n## "+r.Code+"\n", headEnd, head(r))
	}
	for _, code := range regexp.MustCompile(`(?m)^## ([A-Z]+\d+)$`).FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(check.Rules(), func(r check.Rule) bool { return r.Code == code[1] }) {
			t.Errorf("there is no rule %s", code[1])
		}
	}
	for _, r := range check.Rules() {
		t.Run(r.Code, func(t *testing.T) { want = runSection(t, want, r) })
	}
	switch {
	case want == text:
	case *update:
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what rules.go says; run: go test ./internal/check -run TestDocs -update", docs)
	}
}

func index() string {
	var b strings.Builder
	b.WriteString("\n| code | severity | fix | |\n|---|---|---|---|\n")
	for _, r := range check.Rules() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", r.Code, strings.ToLower(r.Code), r.Severity, fixOf(r), r.Title)
	}
	return b.String() + "\n"
}

func fixOf(r check.Rule) string {
	if r.Fix == "" {
		return "–"
	}
	return string(r.Fix)
}

func head(r check.Rule) string {
	also := ""
	if len(r.Aliases) > 0 {
		also = " Also known as: " + strings.Join(r.Aliases, ", ") + "."
	}
	return fmt.Sprintf("\n**%s.** Severity: %s. Fix: %s.%s\n\n%s\n\n", r.Title, r.Severity, fixOf(r), also, r.Why)
}

// replace puts text between two markers.
func replace(t *testing.T, in, begin, end, text string) string {
	t.Helper()
	before, rest, found := strings.Cut(in, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no %q followed by %q", docs, begin, end)
	}
	return before + begin + text + end + after
}

var example = regexp.MustCompile("(?ms)^(Fails|Passes|Fixed):\n\n```text\n(.*?)^```$")

// runSection executes the examples of one rule and returns the document with
// what the fixes make.
func runSection(t *testing.T, document string, r check.Rule) string {
	t.Helper()
	_, section, _ := strings.Cut(document, "\n## "+r.Code+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	examples := map[string]string{}
	for _, m := range example.FindAllStringSubmatch(section, -1) {
		examples[m[1]] = m[2]
	}
	if examples["Fails"] == "" || examples["Passes"] == "" || strings.Contains(section, "\nFixed:\n") != (r.Fix != "") {
		t.Fatalf("%s needs one example that fails and one that passes, and what a fix makes when there is one", r.Code)
	}
	codes, project := runExample(t, examples["Fails"])
	if len(codes) == 0 || slices.ContainsFunc(codes, func(c string) bool { return c != r.Code }) {
		t.Errorf("the failing example has findings %q", codes)
	}
	if codes, _ := runExample(t, examples["Passes"]); len(codes) > 0 {
		t.Errorf("the passing example has findings %q", codes)
	}
	if r.Fix == "" {
		return document
	}
	fixed := fixedFiles(t, project, r.Fix)
	if fixed != examples["Fixed"] && !*update {
		t.Errorf("the fix makes\n%s", fixed)
	}
	changed := strings.Replace(section, "Fixed:\n\n```text\n"+examples["Fixed"], "Fixed:\n\n```text\n"+fixed, 1)
	return strings.Replace(document, section, changed, 1)
}

func runExample(t *testing.T, archive string) ([]string, *check.Project) {
	t.Helper()
	files := txtar.Parse([]byte(archive)).Files
	if len(files) == 0 {
		t.Fatalf("no files in the example:\n%s", archive)
	}
	p, err := check.Load(t.Context(), writeFiles(t, files), nil)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, f := range check.Run(p, check.DefaultConfig()) {
		codes = append(codes, f.Code)
	}
	return codes, p
}

func fixedFiles(t *testing.T, p *check.Project, level check.Safety) string {
	t.Helper()
	c := check.Apply(p, check.DefaultConfig(), level)
	if len(c.Findings) > 0 || len(c.Problems) > 0 {
		t.Errorf("after the fix: %+v, %v", c.Findings, c.Problems)
	}
	var out bytes.Buffer
	for _, f := range c.Files {
		fmt.Fprintf(&out, "-- %s --\n%s", f.Path, f.After)
	}
	return out.String()
}
