// Package checktest holds the tests that every family of rules passes: golden
// files, the laws of fixes, the pages of the documentation, and agreement with
// hadolint's own assertions.
package checktest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/fix"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/render"
	"github.com/davit-dev/davit/internal/check/rule"
)

var update = flag.Bool("update", false, "write what the tests get over what they want")

// Golden runs the rules over every archive *.txtar of a folder. An archive
// holds a project, may hold its config.yaml, and what is wanted: the findings
// as text, and the files that safe fixes (want/safe) and all fixes (want/unsafe,
// when that is not the same) change.
func Golden(t *testing.T, set rule.Set, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases found in %s: %v", dir, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files, wanted := split(archive.Files)
			got := evaluate(t, set, files)
			if *update {
				archive.Files = append(files, got...)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got, want := format(got), format(wanted); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func split(files []txtar.File) (input, wanted []txtar.File) {
	for _, f := range files {
		if strings.HasPrefix(f.Name, "want/") {
			wanted = append(wanted, f)
		} else {
			input = append(input, f)
		}
	}
	return input, wanted
}

func format(files []txtar.File) string {
	return string(txtar.Format(&txtar.Archive{Files: files}))
}

// evaluate runs a project and holds the laws of fixes while it is there.
func evaluate(t *testing.T, set rule.Set, files []txtar.File) []txtar.File {
	t.Helper()
	cfg := readConfig(t, set, files)
	p, err := project.Load(t.Context(), Write(t, files), nil)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := render.Text(&text, render.Report{Findings: set.Run(p, cfg), Project: p}); err != nil {
		t.Fatal(err)
	}
	out := []txtar.File{{Name: "want/findings", Data: text.Bytes()}}
	safe := fix.Apply(set, p, cfg, finding.Safe)
	Laws(t, set, safe, cfg, finding.Safe)
	for _, c := range safe.Files {
		out = append(out, txtar.File{Name: "want/safe/" + c.Path, Data: c.After})
	}
	all := fix.Apply(set, p, cfg, finding.Unsafe)
	Laws(t, set, all, cfg, finding.Unsafe)
	if !bytes.Equal(all.Diff(), safe.Diff()) {
		for _, c := range all.Files {
			out = append(out, txtar.File{Name: "want/unsafe/" + c.Path, Data: c.After})
		}
	}
	return out
}

// Laws holds that fixes leave nothing that they could fix, that fixing again
// changes nothing, and that patch and git make the same files of the diff.
func Laws(t *testing.T, set rule.Set, c fix.Changes, cfg rule.Config, level finding.Safety) {
	t.Helper()
	if len(c.Problems) > 0 {
		t.Errorf("%s: %v", level, c.Problems)
	}
	for _, f := range c.Findings {
		if f.Fix != nil && (level == finding.Unsafe || f.Fix.Safety == finding.Safe) {
			t.Errorf("%s: left unfixed: %+v", level, f)
		}
	}
	if again := fix.Apply(set, c.Project, cfg, level); len(again.Files) > 0 {
		t.Errorf("%s: fixing again changes\n%s", level, again.Diff())
	}
	if len(c.Files) > 0 {
		Diff(t, c)
	}
}

// Write writes files below a new folder.
func Write(t *testing.T, files []txtar.File) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readConfig(t *testing.T, set rule.Set, files []txtar.File) rule.Config {
	t.Helper()
	cfg := rule.DefaultConfig()
	if i := slices.IndexFunc(files, func(f txtar.File) bool { return f.Name == "config.yaml" }); i >= 0 {
		decoder := yaml.NewDecoder(bytes.NewReader(files[i].Data))
		decoder.KnownFields(true)
		if err := decoder.Decode(&cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(set); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// Only returns the rules with the codes, and those of the frame.
func Only(set rule.Set, codes ...string) rule.Set {
	return slices.DeleteFunc(slices.Clone(set), func(r rule.Rule) bool {
		return !strings.HasPrefix(r.Code, "GO00") && !slices.Contains(codes, r.Code)
	})
}
