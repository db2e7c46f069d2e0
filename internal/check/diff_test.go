package check_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check"
)

// checkDiff lets git (and patch, where it is there) make the changes.
func checkDiff(t *testing.T, c check.Changes) {
	t.Helper()
	tools := [][]string{{"git", "apply", "--unsafe-paths", "-p1", "-"}}
	if _, err := exec.LookPath("patch"); err == nil {
		tools = append(tools, []string{"patch", "--binary", "-s", "-p1"})
	}
	for _, tool := range tools {
		dir := t.TempDir()
		for _, change := range c.Files {
			name := filepath.Join(dir, filepath.FromSlash(change.Path))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, change.Before, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), tool[0], tool[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		cmd.Stdin = bytes.NewReader(c.Diff())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s\n%s", tool[0], err, out, c.Diff())
		}
		for _, change := range c.Files {
			got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(change.Path)))
			if err != nil || !bytes.Equal(got, change.After) {
				t.Fatalf("%s made %q of it, %v; want %q\n%s", tool[0], got, err, change.After, c.Diff())
			}
		}
	}
}

func TestDiffIsTaken(t *testing.T) {
	many := strings.Repeat("a\nb\nc\n", 2000)
	for name, c := range map[string][2]string{
		"first line":      {"a\nb\nc\n", "x\nb\nc\n"},
		"no line end":     {"a\nb", "a\nc"},
		"line end added":  {"a\nb", "a\nb\n"},
		"line end gone":   {"a\nb\n", "a\nb"},
		"from nothing":    {"", "a\n"},
		"to nothing":      {"a\nb\n", ""},
		"crlf":            {"a\r\nb\r\nc\r\n", "a\r\nx\r\nc\r\n"},
		"two hunks":       {"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "x\n2\n3\n4\n5\n6\n7\n8\n9\n10\ny\n"},
		"one hunk":        {"1\n2\n3\n4\n5\n6\n7\n8\n", "x\n2\n3\n4\n5\n6\n7\ny\n"},
		"moved":           {"1\n2\n3\n4\n5\n", "5\n1\n2\n3\n4\n"},
		"too many edits":  {many, strings.ReplaceAll(many, "b", "x")},
		"looks like diff": {"--- a\n+++ b\n@@ x\n", "--- a\n+++ c\n@@ x\n"},
	} {
		for _, path := range []string{"Dockerfile", "a b/Dockerfile", "\u00e4/Docker\"file"} {
			t.Run(name+" of "+path, func(t *testing.T) {
				checkDiff(t, check.Changes{Files: []check.Change{{Path: path, Before: []byte(c[0]), After: []byte(c[1])}}})
			})
		}
	}
}

func TestDiffOfNothing(t *testing.T) {
	diff := string(check.Changes{Files: []check.Change{{Path: "f", After: []byte("a\n")}}}.Diff())
	if want := "--- a/f\n+++ b/f\n@@ -0,0 +1,1 @@\n+a\n"; diff != want {
		t.Errorf("got\n%s\nwant\n%s", diff, want)
	}
}

func TestDiffIsShort(t *testing.T) {
	before := strings.Repeat("same\n", 50) + "old\n" + strings.Repeat("same\n", 50)
	after := strings.Replace(before, "old", "new", 1)
	diff := string(check.Changes{Files: []check.Change{{Path: "f", Before: []byte(before), After: []byte(after)}}}.Diff())
	const want = "--- a/f\n+++ b/f\n@@ -48,7 +48,7 @@\n same\n same\n same\n-old\n+new\n same\n same\n same\n"
	if diff != want {
		t.Errorf("got\n%s\nwant\n%s", diff, want)
	}
}
