package check_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/rule"
)

// The index of docs/checks.md, which -update writes.
const (
	indexBegin = "<!-- The index is written by: go test ./internal/check -run TestIndex -update -->\n"
	indexEnd   = "<!-- end of index -->\n"
)

// TestIndex holds that docs/checks.md lists the rules as they are, and that
// every rule has a page and every page a rule.
func TestIndex(t *testing.T) {
	name := filepath.Join(checktest.Root(t), "docs", "checks.md")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), indexBegin)
	_, after, ended := strings.Cut(rest, indexEnd)
	if !found || !ended {
		t.Fatalf("%s has no %q followed by %q", name, indexBegin, indexEnd)
	}
	want := before + indexBegin + index(check.Rules()) + indexEnd + after
	switch {
	case want == string(data):
	case flag.Lookup("update").Value.String() == "true":
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not list the rules as they are; run: go test ./internal/check -run TestIndex -update", name)
	}
	pages, err := filepath.Glob(filepath.Join(checktest.Root(t), "docs", "checks", "*.md"))
	if err != nil || len(pages) != len(check.Rules()) {
		t.Errorf("%d pages for %d rules, %v", len(pages), len(check.Rules()), err)
	}
	for _, page := range pages {
		code := strings.TrimSuffix(filepath.Base(page), ".md")
		if !slices.ContainsFunc(check.Rules(), func(r rule.Rule) bool { return r.Code == code }) {
			t.Errorf("there is no rule %s", code)
		}
	}
}

// TestFramePages executes the pages of what the frame itself finds.
func TestFramePages(t *testing.T) { checktest.Docs(t, rule.NewSet()) }

func index(rules rule.Set) string {
	var b strings.Builder
	b.WriteString("\n| code | severity | fix | |\n|---|---|---|---|\n")
	for _, r := range rules {
		severity, fix := string(r.Severity), "–"
		if r.Off {
			severity += ", off"
		}
		if r.Fix != "" {
			fix = string(r.Fix)
		}
		fmt.Fprintf(&b, "| [%s](checks/%s.md) | %s | %s | %s |\n", r.Code, r.Code, severity, fix, r.Title)
	}
	return b.String() + "\n"
}
