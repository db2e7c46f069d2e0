package check_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/fix"
	"github.com/davit-dev/davit/internal/check/rule"
)

func load(t *testing.T, dir string) *check.Project {
	t.Helper()
	p, err := check.Load(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a fix does not name stays as it is: line ends, a byte order mark, bytes
// that are no text, a last line without end, and the permissions.
func TestWriteKeepsTheRest(t *testing.T) {
	for name, c := range map[string][2]string{
		"crlf":        {"FROM scratch\r\nADD a b\r\nRUN x \\\r\n  y\r\n", "FROM scratch\r\nCOPY a b\r\nRUN x \\\r\n  y\r\n"},
		"mark":        {"\ufeffFROM scratch\nADD a b", "\ufeffFROM scratch\nCOPY a b"},
		"bytes":       {"FROM scratch\nRUN \xff\x00\nADD \xfe b\n", "FROM scratch\nRUN \xff\x00\nCOPY \xfe b\n"},
		"escape":      {"# escape=`\nFROM scratch\nADD a `\n b\n", "# escape=`\nFROM scratch\nCOPY a `\n b\n"},
		"white space": {"FROM scratch  \n\n\t ADD\ta b \t\n", "FROM scratch  \n\n\t COPY\ta b \t\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "Dockerfile")
			if err := os.WriteFile(path, []byte(c[0]), 0o640); err != nil {
				t.Fatal(err)
			}
			changes := fix.Apply(few(), load(t, dir), rule.DefaultConfig(), finding.Safe)
			checktest.Diff(t, changes)
			if err := changes.Write(); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != c[1] {
				t.Errorf("got %q, %v; want %q", got, err, c[1])
			}
			if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
				t.Errorf("permissions %v", info.Mode())
			}
		})
	}
}

func TestNewInstructionsHaveTheLineEndsOfTheFile(t *testing.T) {
	source := "FROM golang:1.26\nCOPY . /src\nRUN CGO_ENABLED=0 go build -o /app /src\nCMD [\"/app\"]\n"
	p, err := check.LoadReader(t.TempDir(), strings.NewReader(strings.ReplaceAll(source, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	c := fix.Apply(few(), p, rule.DefaultConfig(), finding.Unsafe)
	if len(c.Files) != 1 || len(c.Fixed) != 1 {
		t.Fatalf("%d files, %d fixed", len(c.Files), len(c.Fixed))
	}
	if after := string(c.Files[0].After); strings.Count(after, "\n") != strings.Count(after, "\r\n") {
		t.Errorf("mixed line ends: %q", after)
	}
}

func TestWriteLeavesWhatChanged(t *testing.T) {
	dir := folder(t, "-- Dockerfile --\n"+add+"-- Dockerfile.gone --\n"+add+"-- Dockerfile.link --\n"+add+"-- Dockerfile.good --\n"+add+"-- elsewhere --\n"+add)
	c := fix.Apply(few(), load(t, dir), rule.DefaultConfig(), finding.Safe)
	const newer = "FROM scratch\nADD newer /app\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(newer), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Dockerfile.gone", "Dockerfile.link"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("elsewhere", filepath.Join(dir, "Dockerfile.link")); err != nil {
		t.Fatal(err)
	}
	err := c.Write()
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"Dockerfile:", "Dockerfile.gone", "Dockerfile.link"} {
		if !strings.Contains(err.Error(), "fix "+name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	for name, want := range map[string]string{"Dockerfile": newer, "elsewhere": add, "Dockerfile.good": "FROM scratch\nCOPY app /app\n"} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestFailed(t *testing.T) {
	findings := []check.Finding{{Severity: finding.Warning}, {Severity: finding.Style}}
	for threshold, want := range map[finding.Severity]bool{"": true, finding.Error: false, finding.Warning: true, finding.Info: true, finding.Style: true} {
		if got := check.Failed(findings, threshold); got != want {
			t.Errorf("threshold %q: %v", threshold, got)
		}
	}
	if check.Failed(findings[1:], "") || check.Failed(nil, finding.Style) {
		t.Error("failed without a finding that is bad enough")
	}
}

func TestConfigValidate(t *testing.T) {
	if err := rule.DefaultConfig().Validate(few()); err != nil {
		t.Error(err)
	}
	bad := rule.Config{Ignore: []string{"DL3020", "GO11"}, Severity: map[string]finding.Severity{"GO20I": "error", "GO111": "bad"}, FailOn: "never"}
	want := []string{
		`ignore[1]: "GO11" is not the code of a rule; did you mean "GO111"?`,
		`severity.GO111: "bad" is not a severity: error, warning, info or style`,
		`severity.GO20I: "GO20I" is not the code of a rule; did you mean "GO201"?`,
		`fail_on: "never" is not a severity: error, warning, info or style`,
	}
	if err := bad.Validate(few()); err == nil || !slices.Equal(strings.Split(err.Error(), "\n"), want) {
		t.Errorf("got %v", err)
	}
}

// FuzzFix holds the laws of fixes on any Dockerfile: what could be read before
// can be read after, nothing fixable is left, fixing again changes nothing.
func FuzzFix(f *testing.F) {
	for _, source := range []string{
		add,
		"ARG V=1.20\r\nFROM golang:${V}-alpine AS b\r\nRUN apk add gcc\r\nCOPY . .\r\nRUN go build -o /a \\\r\n .\r\nFROM scratch\r\nADD --from=b /a /\r\nCOPY --from=b /a /a\r\n",
		"FROM golang:1.20\nADD [\"a\", \"b\"]\nRUN <<EOF\ngo build -o /app\nEOF\nCMD [\"/app\"]",
		"FROM golang:1.20\nWORKDIR /x\nCOPY . .\nRUN cd y; env A=b go build -o ../app .\nENTRYPOINT [\"./app\"]\nCMD [\"x\"]\n",
		"# escape=`\nFROM golang:1.20\nONBUILD ADD a `\n b\n# davit ignore=GO301\n",
		"FROM golang:1.20 AS a\nADD a b\nRUN go build -o /app .\nFROM a\nFROM alpine\nCOPY --from=0 /app /app\n",
	} {
		f.Add(source)
	}
	dir := f.TempDir()
	for name, content := range map[string]string{
		"go.mod":  "module x\n\ngo 1.24.3\n",
		"main.go": "package main\n\nimport _ \"net/http\"\n\nfunc main() {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, source string) {
		p, err := check.LoadReader(dir, strings.NewReader(source))
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range []finding.Safety{finding.Safe, finding.Unsafe} {
			c := fix.Apply(few(), p, rule.DefaultConfig(), level)
			if len(c.Problems) > 0 {
				t.Fatalf("%q: %v", source, c.Problems)
			}
			for _, change := range c.Files {
				before, after := dockerfile.Parse(change.Before), dockerfile.Parse(change.After)
				if len(after.Errors) > len(before.Errors) {
					t.Fatalf("%q became %q: %v", source, change.After, after.Errors)
				}
			}
			if again := fix.Apply(few(), c.Project, rule.DefaultConfig(), level); len(again.Files) > 0 {
				t.Fatalf("%q: fixed again:\n%s", source, again.Diff())
			}
		}
	})
}

// TestBounds holds that a file beyond the bounds is said to be so, and is left
// as it is.
func TestBounds(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"bytes":        {"FROM scratch\nADD a " + strings.Repeat("b", 10<<20) + "\n", "the file has 10485780 bytes; Dockerfiles of up to 1048576 are read"},
		"instructions": {"FROM debian:13\n" + strings.Repeat("RUN x\n", 100000), "there are more than 10000 instructions; what follows is not read"},
		"unclosed":     {"FROM debian:13\nRUN <<EOF\n" + strings.Repeat("x\n", 100000), "the heredoc EOF has no end"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(c.source), 0o644); err != nil {
				t.Fatal(err)
			}
			changes := check.Apply(load(t, dir), check.DefaultConfig(), finding.Unsafe)
			if len(changes.Files) > 0 && len(changes.Files[0].After) > 1<<20 {
				t.Errorf("a fix makes the file %d bytes long", len(changes.Files[0].After))
			}
			if !slices.ContainsFunc(changes.Findings, func(f check.Finding) bool { return f.Code == "GO001" && f.Message == c.want }) {
				t.Errorf("%q is not among the first of %d: %.300v", c.want, len(changes.Findings), changes.Findings)
			}
		})
	}
}
