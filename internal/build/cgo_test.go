package build_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/source"
)

// knownBase is a base with certain facts.
type knownBase struct{ facts base.Facts }

func (knownBase) Image(_ context.Context, _ string, p v1.Platform) (v1.Image, error) {
	return mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: p.OS, Architecture: p.Architecture, RootFS: v1.RootFS{Type: "layers"}, Config: v1.Config{Env: []string{"BASE=yes"}},
	})
}

func (b knownBase) Describe(context.Context, v1.Image) (base.Facts, error) { return b.facts, nil }

func cgoModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":   "module example.com/withc\n\ngo 1.26\n",
		"main.go":  "package main\n\nimport \"example.com/withc/db\"\n\nfunc main() { println(db.Answer()) }\n",
		"db/db.go": "package db\n\n// int answer() { return 42; }\nimport \"C\"\n\n// Answer asks C.\nfunc Answer() int { return int(C.answer()) }\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestCgoIsCheckedAgainstTheBase: a program with C needs the C library that it
// was linked with.
func TestCgoIsCheckedAgainstTheBase(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no C compiler on this machine")
	}
	dir := cgoModule(t)
	glibc := base.Facts{Loaders: []string{"/lib64/ld-linux-x86-64.so.2"}, Libraries: []string{"/lib/x86_64-linux-gnu/libc.so.6"}}
	for name, c := range map[string]struct {
		facts base.Facts
		want  string
	}{
		"the same library": {glibc, ""},
		"musl":             {base.Facts{Loaders: []string{"/lib/ld-musl-x86_64.so.1"}}, `asks for the dynamic linker "/lib64/ld-linux-x86-64.so.2", and the base has /lib/ld-musl-x86_64.so.1`},
		"no libc":          {base.Facts{Loaders: glibc.Loaders}, "asks for the library libc.so.6"},
	} {
		cfg := build.DefaultConfig()
		cfg.Base, cfg.Cgo = "registry.example/base:1", true
		image, err := one(t.Context(), builder(t, cfg, build.Options{Bases: knownBase{c.facts}}), dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Fatalf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil {
			continue
		}
		config, err := image.Parts()[0].Image.ConfigFile()
		if err != nil || len(config.Config.Env) != 1 || config.Config.Env[0] != "BASE=yes" {
			t.Errorf("%s: configuration %+v, %v", name, config, err)
		}
	}
}

// TestCgoWithoutBeingToldNamesThePackage: that pulled it in.
func TestCgoWithoutBeingToldNamesThePackage(t *testing.T) {
	tree, err := source.Load(t.Context(), cgoModule(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = one(t.Context(), builder(t, build.DefaultConfig(), build.Options{}), tree.Dir)
	problem := (*build.CompileError)(nil)
	if !errors.As(err, &problem) || !strings.HasPrefix(problem.Hint, "example.com/withc/db, imported by example.com/withc, needs cgo") {
		t.Errorf("got %v, hint %q", err, problem.Hint)
	}
}
