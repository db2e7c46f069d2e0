package checktest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/fix"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// headEnd ends what the rule itself says on its page; -update writes it.
const headEnd = "<!-- end of head -->\n"

// Docs executes the examples on the page docs/checks/CODE.md of every rule: it
// has findings in the failing one and none in the passing one, and its fixes
// make of the failing one what stands there. Other rules are not asked.
func Docs(t *testing.T, rules []rule.Rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.Code, func(t *testing.T) { page(t, r) })
	}
}

func page(t *testing.T, r rule.Rule) {
	t.Helper()
	name := filepath.Join(Root(t), "docs", "checks", r.Code+".md")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%s has no page: %v", r.Code, err)
	}
	text := string(data)
	_, body, found := strings.Cut(text, headEnd)
	if !found {
		t.Fatalf("%s has no line %q", name, headEnd)
	}
	if r.Passes == nil { // what another tool says is not executed
		body = runExamples(t, body, r)
	}
	want := head(r) + headEnd + body
	switch {
	case want == text:
	case *update:
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what its rule says; run the test with -update", name)
	}
}

func head(r rule.Rule) string {
	fix := "none"
	if r.Fix != "" {
		fix = string(r.Fix)
	}
	also := ""
	if len(r.Aliases) > 0 {
		also = " Also known as: " + strings.Join(r.Aliases, ", ") + "."
	}
	if r.Off {
		also += " Off unless `check.enable` names it."
	}
	return fmt.Sprintf("# %s\n\n**%s.** Severity: %s. Fix: %s.%s\n\n%s\n\n", r.Code, r.Title, r.Severity, fix, also, r.Why)
}

var example = regexp.MustCompile("(?ms)^(Fails|Passes|Fixed):\n\n```text\n(.*?)^```$")

// runExamples returns the body of a page with what the fixes make.
func runExamples(t *testing.T, body string, r rule.Rule) string {
	t.Helper()
	examples := map[string]string{}
	for _, m := range example.FindAllStringSubmatch(body, -1) {
		examples[m[1]] = m[2]
	}
	if examples["Fails"] == "" || examples["Passes"] == "" || strings.Contains(body, "\nFixed:\n") != (r.Fix != "") {
		t.Fatalf("%s needs one example that fails and one that passes, and what a fix makes when there is one", r.Code)
	}
	set := Only(rule.NewSet([]rule.Rule{r}), r.Code)
	p, cfg := loadExample(t, set, examples["Fails"], r)
	if codes := codesOf(set.Run(p, cfg)); len(codes) == 0 || slices.ContainsFunc(codes, func(c string) bool { return c != r.Code }) {
		t.Errorf("the failing example has findings %q", codes)
	}
	passing, passingConfig := loadExample(t, set, examples["Passes"], r)
	if codes := codesOf(set.Run(passing, passingConfig)); len(codes) > 0 {
		t.Errorf("the passing example has findings %q", codes)
	}
	if r.Fix == "" {
		return body
	}
	fixed := fixedFiles(t, set, p, cfg, r)
	if fixed != examples["Fixed"] && !*update {
		t.Errorf("the fix makes\n%s", fixed)
	}
	return strings.Replace(body, "Fixed:\n\n```text\n"+examples["Fixed"], "Fixed:\n\n```text\n"+fixed, 1)
}

// loadExample loads the project of an example. A file config.yaml in it is the
// check part of davit.yaml.
func loadExample(t *testing.T, set rule.Set, archive string, r rule.Rule) (*project.Project, rule.Config) {
	t.Helper()
	files := txtar.Parse([]byte(archive)).Files
	if len(files) == 0 {
		t.Fatalf("no files in the example:\n%s", archive)
	}
	p, err := project.Load(t.Context(), Write(t, files), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := readConfig(t, set, files)
	if r.Off {
		cfg.Enable = append(cfg.Enable, r.Code)
	}
	return p, cfg
}

func codesOf(findings []finding.Finding) []string {
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}

func fixedFiles(t *testing.T, set rule.Set, p *project.Project, cfg rule.Config, r rule.Rule) string {
	t.Helper()
	c := fix.Apply(set, p, cfg, r.Fix)
	Laws(t, set, c, cfg, r.Fix)
	if len(c.Findings) > 0 {
		t.Errorf("after the fix: %+v", c.Findings)
	}
	var out bytes.Buffer
	for _, f := range c.Files {
		fmt.Fprintf(&out, "-- %s --\n%s", f.Path, f.After)
	}
	return out.String()
}
