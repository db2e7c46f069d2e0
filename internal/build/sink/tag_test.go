package sink_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/semver"

	"github.com/davit-dev/davit/internal/build/sink"
	"github.com/davit-dev/davit/internal/source"
)

func commitAt(tag string, distance int, dirty bool) sink.GitState {
	return sink.GitState{
		Tag: tag, Distance: distance, Dirty: dirty, Commit: "abcdef123456abcdef123456abcdef123456abcd",
		Time: time.Date(2026, 11, 23, 13, 1, 2, 0, time.FixedZone("CET", 3600)),
	}
}

func TestVersion(t *testing.T) {
	for want, state := range map[string]sink.GitState{
		"v1.2.3":                               commitAt("v1.2.3", 0, false),
		"v1.2.3-dirty":                         commitAt("v1.2.3", 0, true),
		"v1.2.3_meta":                          commitAt("v1.2.3+meta", 0, false),
		"v1.2.4-0.20261123120102-abcdef123456": commitAt("v1.2.3", 7, false),
		"v1.2.4-0.20261123120102-abcdef123456-dirty":        commitAt("v1.2.3", 7, true),
		"v1.2.3-rc.1.0.20261123120102-abcdef123456":         commitAt("v1.2.3-rc.1", 1, false),
		"v2.0.1-0.20261123120102-abcdef123456_incompatible": commitAt("v2.0.0+incompatible", 1, false),
		"v0.0.0-20261123120102-abcdef123456":                commitAt("", 0, false),
	} {
		if got := state.Version(); got != want {
			t.Errorf("%+v: %s, want %s", state, got, want)
		}
	}
	// What was changed after a release is never taken for it, nor for a later one.
	if semver.Compare(commitAt("v1.2.3", 0, true).Version(), "v1.2.3") >= 0 {
		t.Error("a dirty tree sorts above the release")
	}
}

func TestExpandTag(t *testing.T) {
	state := commitAt("v1.2.3", 0, false)
	for template, want := range map[string]string{
		"auto":                        "v1.2.3",
		"{{.Version}}":                "v1.2.3",
		"go{{.Go}}-{{.Version}}":      "go1.26-v1.2.3",
		"go{{ .GoVersion }}-{{.Tag}}": "go1.26.8-v1.2.3",
		"{{.Commit}}":                 "abcdef123456",
		"{{.Time}}.{{.Distance}}":     "20261123120102.0",
		"latest":                      "latest",
		"automatic":                   "automatic",
	} {
		for _, toolchain := range []string{"go1.26.8", "1.26.8", "go1.26.8 X:nodwarf5"} {
			if got, err := sink.ExpandTag(template, state, toolchain); err != nil || got != want {
				t.Errorf("%q with %s: %q, %v; want %q", template, toolchain, got, err, want)
			}
		}
	}
}

func TestExpandTagRefuses(t *testing.T) {
	for template, why := range map[string]string{
		"":                                "1 to 128 letters",
		"{{.Version":                      "has no }}",
		"{{.Branch}}":                     "allowed: .Version, .Go",
		"{{}}":                            "allowed: .Version, .Go",
		"{{.Tag}}":                        "not known here",
		"{{.Go}}":                         "not known here",
		"v1/{{.Version}}":                 "is not a tag",
		"v1+x":                            "is not a tag",
		strings.Repeat("{{.Version}}", 9): "is not a tag",
	} {
		if got, err := sink.ExpandTag(template, commitAt("", 0, false), "devel abc"); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %q, %v; want %q", template, got, err, why)
		}
	}
}

// Git is asked for what only git knows.
func TestExpandTags(t *testing.T) {
	tree := source.Tree{Dir: t.TempDir()}
	got, err := sink.ExpandTags(t.Context(), tree, []string{"latest", "go{{.Go}}"}, "go1.26.8")
	if err != nil || strings.Join(got, " ") != "latest go1.26" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, template := range []string{"auto", "{{.Commit}}"} {
		if _, err := sink.ExpandTags(t.Context(), tree, []string{template}, "go1.26.8"); err == nil || !strings.Contains(err.Error(), "git commit") {
			t.Errorf("%s: %v", template, err)
		}
	}
}

// Whatever the template, there is a tag that registries take or an error; text
// without fields is itself.
func FuzzExpandTag(f *testing.F) {
	for _, seed := range []string{"auto", "go{{.Go}}-{{.Version}}", "{{", "}}", "{{}}", "{{.Tag}}{{.Tag}}", "v1", "{{ .Time }}", "{{{{.Go}}}}"} {
		f.Add(seed, "v1.2.3+meta", 1)
	}
	valid := regexp.MustCompile(`^\w[\w.-]{0,127}$`)
	f.Fuzz(func(t *testing.T, template, tag string, distance int) {
		if tag != "" && !semver.IsValid(tag) {
			return
		}
		got, err := sink.ExpandTag(template, commitAt(tag, distance, false), "go1.26.8")
		if err != nil {
			return
		}
		if !valid.MatchString(got) {
			t.Errorf("%q became %q", template, got)
		}
		if !strings.Contains(template, "{{") && template != sink.AutoTag && got != template {
			t.Errorf("%q became %q", template, got)
		}
	})
}
