package shellcheck_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/shell"
	"github.com/davit-dev/davit/internal/check/rules/shellcheck"
)

func installed(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SKIP: shellcheck is not installed")
	}
	return program
}

// check returns what is found, as code and what it is about.
func check(t *testing.T, source string, cfg rule.Config) []string {
	t.Helper()
	p, err := project.LoadReader(t.TempDir(), strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range rule.NewSet(shell.Rules(), shellcheck.Rules()).Run(p, cfg) {
		line, _ := p.Dockerfiles[0].Line(f.Line)
		if f.EndLine == f.Line {
			line = line[f.Column-1 : f.EndColumn-1]
		}
		out = append(out, fmt.Sprintf("%d %s %s %s", f.Line, f.Severity, f.Code, line))
	}
	return out
}

const source = `FROM debian:trixie
ENV ä=ö
RUN ä=1; \\
	for f in $(ls *.txt); do echo "$f"; done
RUN cd $HOME && ls
# hadolint ignore=SC2045
RUN for f in $(ls *.txt); do echo "$f"; done
SHELL ["powershell"]
RUN for f in $(ls *.txt); do echo "$f"; done
`

func TestFindingsAreWhereTheyAre(t *testing.T) {
	cfg := rule.DefaultConfig()
	cfg = cfg.Asking(installed(t))
	got := check(t, strings.ReplaceAll(source, "\\\\", "\\"), cfg)
	want := []string{"4 warning SC2045 $(ls *.txt)", "5 info SC2086 $HOME"}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("no %q in %q", w, got)
		}
	}
	if n := strings.Count(strings.Join(got, "\n"), "SC2086"); n != 1 {
		t.Errorf("SC2086 is said %d times: %q", n, got)
	}
	for _, g := range got {
		if strings.HasPrefix(g, "7 ") && strings.Contains(g, "SC2045") || strings.HasPrefix(g, "9 ") {
			t.Errorf("not to be said: %s", g)
		}
	}
	cfg.Ignore = []string{"sc2045"}
	if err := cfg.Validate(rule.NewSet(shellcheck.Rules())); err != nil {
		t.Error(err)
	}
	if got := check(t, source, cfg); strings.Contains(strings.Join(got, "\n"), "SC2045") {
		t.Errorf("ignored, and there: %q", got)
	}
	cfg = cfg.Asking("")
	if got := check(t, source, cfg); strings.Contains(strings.Join(got, "\n"), "SC2045") {
		t.Errorf("not asked, and there: %q", got)
	}
}

func TestAProgramThatIsNone(t *testing.T) {
	cfg := rule.DefaultConfig()
	cfg = cfg.Asking("/bin/false")
	got := check(t, source, cfg)
	if !slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, "SC0000") }) {
		t.Errorf("got %q, want it said that ShellCheck could not be asked", got)
	}
}

// TestDocs holds that the head of the page is the rule's.
func TestDocs(t *testing.T) { checktest.Docs(t, shellcheck.Rules()) }

func TestNames(t *testing.T) {
	set := rule.NewSet(shell.Rules(), shellcheck.Rules())
	for name, want := range map[string]string{"SC2045": "SC0000", "sc2086": "SC2086", "SC0000": "SC0000"} {
		if r, found := set.Find(name); !found || r.Code != want {
			t.Errorf("%s is %q", name, r.Code)
		}
	}
	if _, found := set.Find("SC20455"); found {
		t.Error("SC20455 is found")
	}
}
