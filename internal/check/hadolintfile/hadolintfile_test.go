package hadolintfile_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/hadolintfile"
	"github.com/davit-dev/davit/internal/check/rule"
)

func set() rule.Set {
	return rule.NewSet([]rule.Rule{
		{Code: "DL3008"}, {Code: "DL3020", Aliases: []string{"DS-0005"}}, {Code: "DL3048"}, {Code: "GO111"},
	})
}

const full = `# what hadolint's own documentation shows, and more
ignored: [DL3008, SC2086, DL3999]
override:
  error: [DL3048]
  info:
    - ds-0005
  ignore: [GO111]
failure-threshold: info
trustedRegistries:
  - docker.io
  - "*.gcr.io"
label-schema:
  author: text
  release-date: rfc3339
strict-labels: true
disable-ignore-pragma: true
format: tty
no-color: true
`

func TestParse(t *testing.T) {
	f, err := hadolintfile.Parse(".hadolint.yaml", []byte(full), set())
	if err != nil || len(f.Warnings) > 0 {
		t.Fatal(err, f.Warnings)
	}
	wantBase := rule.Config{
		FailOn: finding.Info, Registries: []string{"docker.io", "*.gcr.io"}, StrictLabels: true, Comments: false, ShellCheck: rule.ShellCheckAuto,
	}
	if !reflect.DeepEqual(f.Base, wantBase) {
		t.Errorf("got  %+v\nwant %+v", f.Base, wantBase)
	}
	wantRules := rule.Config{
		Ignore:   []string{"DL3008", "GO111"},
		Severity: map[string]finding.Severity{"DL3048": finding.Error, "DL3020": finding.Info},
		Labels:   map[string]rule.LabelFormat{"author": rule.LabelText, "release-date": rule.LabelTime},
	}
	if !reflect.DeepEqual(f.Rules, wantRules) {
		t.Errorf("got  %+v\nwant %+v", f.Rules, wantRules)
	}
}

// davit.yaml is asked first, rule by rule.
func TestUnder(t *testing.T) {
	f, err := hadolintfile.Parse("f", []byte(full), set())
	if err != nil {
		t.Fatal(err)
	}
	ours := f.Base
	ours.Ignore = []string{"DS-0005"}
	ours.Enable = []string{"GO111"}
	ours.Severity = map[string]finding.Severity{"DL3008": finding.Error}
	ours.Labels = map[string]rule.LabelFormat{"author": rule.LabelEmail}
	got := f.Under(ours, set())
	want := ours
	want.Severity = map[string]finding.Severity{"DL3008": finding.Error, "DL3048": finding.Error}
	want.Labels = map[string]rule.LabelFormat{"author": rule.LabelEmail, "release-date": rule.LabelTime}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(ours.Labels) != 1 || len(ours.Severity) != 1 {
		t.Error("what was given has changed")
	}
	if err := got.Validate(set()); err != nil {
		t.Error(err)
	}
}

func TestThreshold(t *testing.T) {
	for source, want := range map[string]finding.Severity{
		"": finding.Warning, "{}": finding.Warning, "ignored:\n": finding.Warning,
		"failure-threshold: error": finding.Error, "failure-threshold: ignore": finding.Style, "failure-threshold: none": finding.Style,
		"no-fail: true\nfailure-threshold: error": finding.Never, "no-fail: false": finding.Warning,
	} {
		f, err := hadolintfile.Parse("f", []byte(source), set())
		if err != nil || f.Base.FailOn != want {
			t.Errorf("%q: %q, %v", source, f.Base.FailOn, err)
		}
	}
	if finding.Failed([]finding.Finding{{Severity: finding.Error}}, finding.Never) {
		t.Error("never is reached by an error")
	}
}

func TestErrorsAndWarnings(t *testing.T) {
	for source, want := range map[string]string{
		"ignored: DL3008":                        "f:1:10: ignored must be a list such as [a, b]",
		"a: b\nignored:\n  - [x]":                "f:3:5: ignored[0] must be text",
		"- DL3008":                               "f:1:1: the file must be keys with values",
		"failure-threshold: high":                `f:1:20: failure-threshold: "high" is not one of error, warning, info, style, ignore and none`,
		"label-schema: {a: date}":                `f:1:19: label-schema.a: "date" is not the format of a label: text, url, semver, hash, rfc3339, spdx or email`,
		"no-fail: yes please":                    "f:1:10: no-fail must be true or false",
		"ignored: [DL3008\nb: c":                 "f:1:1: this is not YAML: ",
		"strict-labels: 1\ntrustedRegistries: x": "f:1:16: strict-labels must be true or false\nf:2:20: trustedRegistries must be a list",
	} {
		_, err := hadolintfile.Parse("f", []byte(source), set())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v\nwant %s", source, err, want)
		}
	}
	f, err := hadolintfile.Parse("f", []byte("ignored: [DL302O]\nignore: [DL3008]\noverride: {fatal: [DL3008]}\n"), set())
	want := `f:1:11: ignored: "DL302O" is not the code of a rule; did you mean "DL3020"?; it is passed over
f:2:1: "ignore" is not a key that davit knows; it is passed over
f:3:12: "fatal" is not a severity: error, warning, info, style or ignore; it is passed over
`
	var got strings.Builder
	for _, w := range f.Warnings {
		got.WriteString(w.Error() + "\n")
	}
	if err != nil || got.String() != want {
		t.Errorf("got\n%s\nwant\n%s\n%v", got.String(), want, err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	f, err := hadolintfile.Load(dir, set())
	if err != nil || f.Name != "" || !reflect.DeepEqual(f.Base, rule.DefaultConfig()) {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, name := range []string{".hadolint.yml", ".hadolint.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("ignored: [GO111]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if f, err = hadolintfile.Load(dir, set()); err != nil || f.Name != name {
			t.Fatalf("%+v, %v", f, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full)
	f.Add("override: {info: {a: b}}\nignored: [1, ~, !!binary aa==]\n")
	f.Fuzz(func(t *testing.T, source string) {
		file, err := hadolintfile.Parse("f", []byte(source), set())
		if err == nil {
			if err := file.Under(file.Base, set()).Validate(set()); err != nil {
				t.Error(err)
			}
		}
	})
}
