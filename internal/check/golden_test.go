package check_test

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

	"github.com/davit-dev/davit/internal/check"
)

var update = flag.Bool("update", false, "write what the tests get over what they want")

// TestGolden runs every archive of testdata. An archive holds a project, may
// hold its config.yaml, and what is wanted: the findings as text, and the files
// that safe fixes (want/safe) and all fixes (want/unsafe, when that is not the
// same) change.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases found: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files, wanted := split(archive.Files)
			got := evaluate(t, files)
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
func evaluate(t *testing.T, files []txtar.File) []txtar.File {
	t.Helper()
	dir := writeFiles(t, files)
	cfg := readConfig(t, files)
	p, err := check.Load(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := check.Text(&text, check.Run(p, cfg), p, false); err != nil {
		t.Fatal(err)
	}
	out := []txtar.File{{Name: "want/findings", Data: text.Bytes()}}
	safe := check.Apply(p, cfg, check.Safe)
	checkChanges(t, safe, cfg, check.Safe)
	for _, c := range safe.Files {
		out = append(out, txtar.File{Name: "want/safe/" + c.Path, Data: c.After})
	}
	all := check.Apply(p, cfg, check.Unsafe)
	checkChanges(t, all, cfg, check.Unsafe)
	if !bytes.Equal(all.Diff(), safe.Diff()) {
		for _, c := range all.Files {
			out = append(out, txtar.File{Name: "want/unsafe/" + c.Path, Data: c.After})
		}
	}
	return out
}

// checkChanges holds that fixes leave nothing that they could fix, that fixing
// again changes nothing, and that patch and git make the same files of the diff.
func checkChanges(t *testing.T, c check.Changes, cfg check.Config, level check.Safety) {
	t.Helper()
	if len(c.Problems) > 0 {
		t.Errorf("%s: %v", level, c.Problems)
	}
	for _, f := range c.Findings {
		if f.Fix != nil && (level == check.Unsafe || f.Fix.Safety == check.Safe) {
			t.Errorf("%s: left unfixed: %+v", level, f)
		}
	}
	if again := check.Apply(c.Project, cfg, level); len(again.Files) > 0 {
		t.Errorf("%s: fixing again changes\n%s", level, again.Diff())
	}
	if len(c.Files) > 0 {
		checkDiff(t, c)
	}
}

func writeFiles(t *testing.T, files []txtar.File) string {
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

func readConfig(t *testing.T, files []txtar.File) check.Config {
	t.Helper()
	cfg := check.DefaultConfig()
	if i := slices.IndexFunc(files, func(f txtar.File) bool { return f.Name == "config.yaml" }); i >= 0 {
		decoder := yaml.NewDecoder(bytes.NewReader(files[i].Data))
		decoder.KnownFields(true)
		if err := decoder.Decode(&cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}
