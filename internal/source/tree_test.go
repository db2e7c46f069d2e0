package source_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/source"
)

// service is a module with two main packages, a library, and files that look
// like main packages but are not for linux/amd64.
func service() map[string]string {
	return map[string]string{
		"go.mod":                 "module example.com/team/orders/v2\n\ngo 1.26\n",
		"main.go":                "package main\n\nfunc main() {}\n",
		"README.md":              "# orders\n",
		"cmd/report/main.go":     "package main\n\nfunc main() {}\n",
		"store/store.go":         "package store\n",
		"tools/gen.go":           "//go:build ignore\n\npackage main\n\nfunc main() {}\n",
		"tools/win_windows.go":   "package main\n\nfunc main() {}\n",
		"tools/doc.go":           "package tools\n",
		"probe/probe_test.go":    "package main\n",
		"testdata/x/main.go":     "package main\n\nfunc main() {}\n",
		"broken/broken.go":       "package broken\n\nfunc (\n",
		"needscgo/cgo.go":        "package main\n\nimport \"C\"\n\nfunc main() {}\n",
		"nested/go.mod":          "module example.com/nested\n\ngo 1.26\n",
		"nested/cmd/main.go":     "package main\n\nfunc main() {}\n",
		"missing/main.go":        "package main\n\nimport _ \"example.com/not/there\"\n\nfunc main() {}\n",
		"onlylinux/m_linux.go":   "package main\n\nfunc main() {}\n",
		"onlydarwin/m_darwin.go": "package main\n\nfunc main() {}\n",
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func load(t *testing.T, dir string) source.Tree {
	t.Helper()
	tree, err := source.Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestLoadFindsTheModuleAndItsMains(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service())
	tree := load(t, filepath.Join(dir, "cmd", "report"))
	if resolved, _ := filepath.EvalSymlinks(dir); tree.Dir != resolved {
		t.Errorf("dir %s, want %s", tree.Dir, resolved)
	}
	if tree.Module != "example.com/team/orders/v2" || tree.GoVersion != "1.26" {
		t.Errorf("module %q, go %q", tree.Module, tree.GoVersion)
	}
	want := []source.Main{
		{Package: "example.com/team/orders/v2", Dir: ".", Name: "orders"},
		{Package: "example.com/team/orders/v2/cmd/report", Dir: "cmd/report", Name: "report"},
		{Package: "example.com/team/orders/v2/missing", Dir: "missing", Name: "missing"},
		{Package: "example.com/team/orders/v2/onlylinux", Dir: "onlylinux", Name: "onlylinux"},
	}
	if !slices.Equal(tree.Mains, want) {
		t.Errorf("mains %+v\nwant  %+v", tree.Mains, want)
	}
	if tree.Revision != "" || tree.Dirty {
		t.Errorf("outside git: revision %q, dirty %v", tree.Revision, tree.Dirty)
	}
}

func TestMainPicks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service())
	tree := load(t, dir)
	for want, got := range map[string]string{
		"cmd/report": "cmd/report", "./cmd/report/": "cmd/report", ".": ".", "./": ".",
		"example.com/team/orders/v2/cmd/report": "cmd/report",
	} {
		if main, err := tree.Main(want); err != nil || main.Dir != got {
			t.Errorf("%q: %+v, %v", want, main, err)
		}
	}
	one := source.Tree{Module: "m", Mains: tree.Mains[1:2]}
	if main, err := one.Main(""); err != nil || main.Dir != "cmd/report" {
		t.Errorf("the only one: %+v, %v", main, err)
	}
}

func TestMainSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service())
	tree := load(t, dir)
	for name, c := range map[string]struct {
		tree          source.Tree
		want          string
		message, hint string
	}{
		"none":    {source.Tree{Module: "m"}, "", "m has no main package", "package main"},
		"several": {tree, "", "several main packages: ., cmd/report, missing, onlylinux", "build.main: ."},
		"unknown": {tree, "store", `"store" is not a main package`, "cmd/report"},
	} {
		_, err := c.tree.Main(c.want)
		problem := (*source.Error)(nil)
		if !errors.As(err, &problem) {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(problem.Message, c.message) || !strings.Contains(problem.Hint, c.hint) {
			t.Errorf("%s: %q, hint %q", name, problem.Message, problem.Hint)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"none/main.go": "package main\n", "bad/go.mod": "module \"\n", "unnamed/go.mod": "go 1.26\n",
		"conflict/go.mod": "module m\n\ngo 1.26\n\nrequire example.com/x v1\n",
	})
	for name, want := range map[string]string{
		"none": "no go.mod in", "bad": "go.mod:1", "unnamed": "no module line",
		"none/main.go": "is not a folder", "absent": "no such file", "conflict": "go.mod",
	} {
		_, err := source.Load(t.Context(), filepath.Join(dir, name))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestDigestIsOfPathModeAndContent(t *testing.T) {
	base := func(t *testing.T) string {
		t.Helper()
		dir := t.TempDir()
		write(t, dir, service())
		if err := os.Symlink("README.md", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	first := load(t, base(t)).Digest
	if again := load(t, base(t)).Digest; again != first {
		t.Fatalf("the same files in another folder: %s, then %s", first, again)
	}
	for name, change := range map[string]func(dir string) error{
		"content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "README.md"), []byte("# x\n"), 0o644) },
		"mode":    func(dir string) error { return os.Chmod(filepath.Join(dir, "README.md"), 0o755) },
		"path": func(dir string) error {
			return os.Rename(filepath.Join(dir, "README.md"), filepath.Join(dir, "readme"))
		},
		"new": func(dir string) error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o644) },
		"link": func(dir string) error {
			link := filepath.Join(dir, "link")
			return errors.Join(os.Remove(link), os.Symlink("main.go", link))
		},
	} {
		dir := base(t)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if load(t, dir).Digest == first {
			t.Errorf("a change of the %s is not seen", name)
		}
	}
}

func TestSymlinksOutOfTheTreeAreNotFollowed(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	dir := t.TempDir()
	write(t, dir, service())
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	var digests []string
	for _, text := range []string{"one", "two"} {
		if err := os.WriteFile(outside, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, load(t, dir).Digest)
	}
	if digests[0] != digests[1] {
		t.Error("a file outside the module counts in its digest")
	}
}

func TestLoadInAWorkspace(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"go.work":  "go 1.26\n\nuse ./a\n",
		"a/go.mod": "module example.com/a\n\ngo 1.26\n", "a/main.go": "package main\n\nfunc main() {}\n",
		"b/go.mod": "module example.com/b\n\ngo 1.26\n", "b/main.go": "package main\n\nfunc main() {}\n",
	})
	if tree := load(t, filepath.Join(dir, "a")); len(tree.Mains) != 1 {
		t.Errorf("mains of a: %+v", tree.Mains)
	}
	_, err := source.Load(t.Context(), filepath.Join(dir, "b"))
	problem := (*source.Error)(nil)
	if !errors.As(err, &problem) || !strings.Contains(problem.Message, "go.work") || !strings.Contains(problem.Hint, "go work use") {
		t.Errorf("a module that go.work leaves out: %v", err)
	}
}

func TestLoadWithoutGo(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service())
	t.Setenv("PATH", t.TempDir())
	_, err := source.Load(t.Context(), dir)
	problem := (*source.Error)(nil)
	if !errors.As(err, &problem) || !errors.Is(err, exec.ErrNotFound) || !strings.Contains(problem.Hint, "go.dev/dl") {
		t.Errorf("got %v", err)
	}
}
