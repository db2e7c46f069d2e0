package rule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// users is a set of rules that report every USER.
func users() rule.Set {
	user := func(code string, aliases ...string) rule.Rule {
		return rule.Rule{Code: code, Aliases: aliases, Severity: finding.Style, Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, i := range d.AST.Instructions {
				if i.Name == "USER" {
					p.Report(d.File, rule.Report{At: i.Span})
				}
			}
		}}
	}
	experimental := user("U4", "InvalidDefinitionDescription")
	experimental.Off = true
	return rule.Set{
		{Code: "GO000", Severity: finding.Warning},
		user("U1", "StageNameCasing"), user("U2", "MultipleInstructionsDisallowed"),
		user("U3", "MultipleInstructionsDisallowed"), experimental,
	}
}

// TestPragmas lists what is left of the findings, as code, line and the first
// letter of the severity.
func TestPragmas(t *testing.T) {
	for source, want := range map[string]string{
		"FROM a\nUSER b": "U1:2s U2:2s U3:2s",
		// for a stage
		"# hadolint stage ignore=U1,U2\nFROM a\nUSER b\nUSER c\nFROM d\nUSER e": "U3:3s U3:4s U1:6s U2:6s U3:6s",
		"FROM a\nUSER b\n# davit  stage ignore = U1 , U3\nFROM d\nUSER e":       "U1:2s U2:2s U3:2s U2:5s",
		"FROM a\nUSER b\n# davit stage ignore=U1 why\nUSER c\nFROM d\nUSER e":   "U1:2s U2:2s U3:2s U2:4s U3:4s U1:6s U2:6s U3:6s",
		"FROM a\nUSER b\n# davit stage ignore=U1":                               "U1:2s U2:2s U3:2s",
		"# davit stage ignore=U9,U1\nUSER a\nFROM b\nUSER c":                    "GO000:1w U2:2s U3:2s U1:4s U2:4s U3:4s",
		// one name, several rules
		"FROM a\n# davit ignore=MultipleInstructionsDisallowed\nUSER b": "U1:3s",
		"# davit global ignore=multipleinstructionsdisallowed\nUSER b":  "U1:2s",
		// BuildKit's directive
		"# check=skip=StageNameCasing, MultipleInstructionsDisallowed\nUSER b":            "",
		"# syntax=docker/dockerfile:1\n# check = skip=StageNameCasing;error=true\nUSER b": "U2:3e U3:3e",
		"# check=error=true;skip=all\nUSER b":                                             "",
		"# check=error=false\nUSER b":                                                     "U1:2s U2:2s U3:2s",
		"# check=error=perhaps;skip=U1,Unknown;what\nUSER b":                              "U1:2s U2:2s U3:2s",
		"# check=experimental=InvalidDefinitionDescription\nUSER b":                       "U1:2s U2:2s U3:2s U4:2s",
		"# check=experimental=all;skip=StageNameCasing\nUSER b":                           "U2:2s U3:2s U4:2s",
		"FROM a\n# check=skip=StageNameCasing here\nUSER b\nUSER c":                       "U2:3s U3:3s U1:4s U2:4s U3:4s",
		"FROM a\n# check=skip=all;error=true\nUSER b\nUSER c":                             "U1:4s U2:4s U3:4s",
	} {
		p, err := project.LoadReader(t.TempDir(), strings.NewReader(source))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range users().Run(p, rule.DefaultConfig()) {
			got = append(got, fmt.Sprintf("%s:%d%s", f.Code, f.Line, f.Severity[:1]))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%q: got %s, want %s", source, got, want)
		}
	}
}

// The configuration can switch off what a comment switches off, with the names
// of other tools, and that comments do so at all.
func TestConfiguredNames(t *testing.T) {
	p, err := project.LoadReader(t.TempDir(), strings.NewReader("# check=skip=StageNameCasing\n# davit global ignore=U2\nUSER b"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		change func(*rule.Config)
		want   []string
	}{
		{func(*rule.Config) {}, []string{"U3"}},
		{func(c *rule.Config) { c.Comments = false }, []string{"U1", "U2", "U3"}},
		{func(c *rule.Config) { c.Comments, c.Ignore = false, []string{"MultipleInstructionsDisallowed"} }, []string{"U1"}},
		{func(c *rule.Config) { c.Enable = []string{"invaliddefinitiondescription"} }, []string{"U3", "U4"}},
	} {
		cfg := rule.DefaultConfig()
		test.change(&cfg)
		var got []string
		for _, f := range users().Run(p, cfg) {
			got = append(got, f.Code)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
