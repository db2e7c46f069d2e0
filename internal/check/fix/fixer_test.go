package fix

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// A fix that breaks a file is a bug of its rule; the file is left as it was,
// also by the fixes of earlier rounds.
func TestBrokenFixIsUndone(t *testing.T) {
	const source = "FROM scratch\nADD a b\n"
	p, err := project.LoadReader(t.TempDir(), strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]finding.Edit{
		"no instruction": {File: "-", Start: 32, End: 35, Text: "DAD"},
		"out of range":   {File: "-", Start: 13, End: 1 << 20},
	} {
		f := fixer{set: rule.NewSet(), before: p, project: p, level: finding.Safe, broken: map[string]bool{}}
		f.rewrite("-", []finding.Edit{{File: "-", Start: 0, End: 0, Text: "# an earlier round\n"}})
		f.rewrite("-", []finding.Edit{edit})
		c := f.changes()
		if len(c.Files) != 0 || len(c.Problems) != 1 {
			t.Errorf("%s: %d files changed, problems %v", name, len(c.Files), c.Problems)
		}
		f.findings = f.set.Run(f.project, rule.Config{})
		if f.round() {
			t.Errorf("%s: the file was touched again", name)
		}
	}
}

// Fixes that touch each other wait for the next round; the same edit of two
// findings is made once.
func TestFit(t *testing.T) {
	edit := func(start, end int) finding.Edit { return finding.Edit{File: "f", Start: start, End: end, Text: "x"} }
	for _, c := range []struct {
		edits []finding.Edit
		fits  bool
	}{
		{[]finding.Edit{edit(10, 20)}, true},
		{[]finding.Edit{edit(10, 20)}, true},
		{[]finding.Edit{edit(20, 20)}, false},
		{[]finding.Edit{edit(5, 10)}, false},
		{[]finding.Edit{edit(12, 13)}, false},
		{[]finding.Edit{edit(0, 30)}, false},
		{[]finding.Edit{edit(30, 40), edit(9, 11)}, false},
		{[]finding.Edit{edit(10, 20), edit(21, 22)}, true},
		{[]finding.Edit{edit(30, 40)}, true},
		{[]finding.Edit{{File: "g", Start: 10, End: 20}}, true},
	} {
		accepted := map[string][]finding.Edit{"f": {edit(10, 20)}}
		if got := fit(accepted, c.edits); got != c.fits {
			t.Errorf("%+v: %v", c.edits, got)
		}
		if _, err := splice(strings.Repeat("-", 50), accepted["f"]); err != nil {
			t.Error(err)
		}
	}
}
