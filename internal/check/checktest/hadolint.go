package checktest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/agree"
	"github.com/davit-dev/davit/internal/check/rule"
)

// HadolintCases returns hadolint's assertions. The test is skipped when they
// are not there.
func HadolintCases(t *testing.T) []agree.Case {
	t.Helper()
	name := filepath.Join(Root(t), agree.Cases)
	cases, err := agree.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("SKIP: NOT COMPARED WITH HADOLINT: %s is not there", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// Agree asks of every rule of the set that has hadolint's code that it says
// what hadolint says, on all cases for that code.
func Agree(t *testing.T, set rule.Set) {
	t.Helper()
	cases := HadolintCases(t)
	for _, r := range set {
		if !strings.HasPrefix(r.Code, "DL") {
			continue
		}
		t.Run(r.Code, func(t *testing.T) {
			count := 0
			for _, c := range cases {
				if c.Code != r.Code {
					continue
				}
				count++
				holds, err := c.Holds(t.TempDir(), set)
				if err != nil {
					t.Fatal(err)
				}
				if !holds {
					t.Errorf("%q: hadolint says %s\n%s", c.It, c.Expect, c.Source())
				}
			}
			t.Logf("%d cases", count)
		})
	}
}

// Root returns the folder of the repository.
func Root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the tests do not run in the repository")
		}
	}
}
