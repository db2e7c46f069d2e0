package fix_test

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/fix"
)

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
				checktest.Diff(t, fix.Changes{Files: []fix.Change{{Path: path, Before: []byte(c[0]), After: []byte(c[1])}}})
			})
		}
	}
}

func TestDiffOfNothing(t *testing.T) {
	diff := string(fix.Changes{Files: []fix.Change{{Path: "f", After: []byte("a\n")}}}.Diff())
	if want := "--- a/f\n+++ b/f\n@@ -0,0 +1,1 @@\n+a\n"; diff != want {
		t.Errorf("got\n%s\nwant\n%s", diff, want)
	}
}

func TestDiffIsShort(t *testing.T) {
	before := strings.Repeat("same\n", 50) + "old\n" + strings.Repeat("same\n", 50)
	after := strings.Replace(before, "old", "new", 1)
	diff := string(fix.Changes{Files: []fix.Change{{Path: "f", Before: []byte(before), After: []byte(after)}}}.Diff())
	const want = "--- a/f\n+++ b/f\n@@ -48,7 +48,7 @@\n same\n same\n same\n-old\n+new\n same\n same\n same\n"
	if diff != want {
		t.Errorf("got\n%s\nwant\n%s", diff, want)
	}
}

// FuzzDiff lets git make the changes of the diff of any two files.
func FuzzDiff(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nc\nd")
	f.Add("", "\n\n")
	f.Add("x\r\n", "x\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		if before == after {
			return
		}
		checktest.Diff(t, fix.Changes{Files: []fix.Change{{Path: "f", Before: []byte(before), After: []byte(after)}}})
	})
}
