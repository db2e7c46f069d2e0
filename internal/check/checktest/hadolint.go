package checktest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// hadolintCases are assertions of hadolint's own tests, beside the repository.
// They are GPL-3.0 data: they are read there and never come in.
const hadolintCases = "../shared/data/hadolint-cases.json"

// Case is an assertion of hadolint's: the rule with a code says something about
// a Dockerfile, or it does not.
type Case struct {
	Code       string
	Dockerfile string
	It         string // what is shown, in words
	Expect     string // present or absent
	Onbuild    bool   // the same is to hold with every RUN behind ONBUILD
}

// HadolintCases returns hadolint's assertions. The test is skipped when they
// are not there.
func HadolintCases(t *testing.T) []Case {
	t.Helper()
	name := filepath.Join(Root(t), hadolintCases)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("SKIP: NOT COMPARED WITH HADOLINT: %s is not there", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []Case }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// Agrees says whether the rule with the code of a case says what hadolint says.
func (c Case) Agrees(t *testing.T, set rule.Set) bool {
	t.Helper()
	p, err := project.LoadReader(t.TempDir(), strings.NewReader(c.source()))
	if err != nil {
		t.Fatal(err)
	}
	cfg := rule.DefaultConfig()
	cfg.Enable = []string{"all"}
	present := slices.ContainsFunc(set.Run(p, cfg), func(f finding.Finding) bool { return f.Code == c.Code })
	return present == (c.Expect == "present")
}

func (c Case) source() string {
	if !c.Onbuild {
		return c.Dockerfile
	}
	lines := strings.Split(c.Dockerfile, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "RUN ") {
			lines[i] = "ONBUILD " + line
		}
	}
	return strings.Join(lines, "\n")
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
				if !c.Agrees(t, set) {
					t.Errorf("%q: hadolint says %s\n%s", c.It, c.Expect, c.source())
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
