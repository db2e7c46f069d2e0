package project_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/davit-dev/davit/internal/check/project"
)

const add = "FROM scratch\nADD app /app\n"

func write(t *testing.T, files []txtar.File) string {
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

func folder(t *testing.T, archive string) string {
	t.Helper()
	return write(t, txtar.Parse([]byte(archive)).Files)
}

func paths(p *project.Project) []string {
	var out []string
	for _, d := range p.Dockerfiles {
		out = append(out, d.Path)
	}
	return out
}

func TestLoadFindsDockerfiles(t *testing.T) {
	names := []string{
		"Dockerfile", "Dockerfile.prod", "Dockerfile-dev", "api.Dockerfile", "a/b/Containerfile", "a/dockerfile",
		"Dockerfile.dockerignore", "Dockerfile.tmpl", "Dockerfile_test.go", "Dockerfiles", "NoDockerfile", "README.md",
		".git/Dockerfile", "vendor/x/Dockerfile", "a/node_modules/Dockerfile", "testdata/Dockerfile",
	}
	var files []txtar.File
	for _, name := range names {
		files = append(files, txtar.File{Name: name, Data: []byte(add)})
	}
	dir := write(t, files)
	p, err := project.Load(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Dockerfile", "Dockerfile-dev", "Dockerfile.prod", "a/b/Containerfile", "a/dockerfile", "api.Dockerfile"}
	if got := paths(p); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoadOfPaths(t *testing.T) {
	dir := folder(t, "-- a/Dockerfile --\nFROM a\n-- b/odd name --\nFROM b\n-- testdata/Dockerfile --\nFROM c\n")
	t.Chdir(dir)
	for _, c := range []struct{ paths, want []string }{
		{nil, []string{"a/Dockerfile"}},
		{[]string{"a", "a/Dockerfile", "./a/../a"}, []string{"a/Dockerfile"}},
		{[]string{"b/odd name"}, []string{"b/odd name"}},
		{[]string{"testdata", "a"}, []string{"a/Dockerfile", "testdata/Dockerfile"}},
	} {
		p, err := project.Load(t.Context(), ".", c.paths)
		if err != nil || !slices.Equal(paths(p), c.want) {
			t.Errorf("%q: got %q, %v; want %q", c.paths, paths(p), err, c.want)
		}
	}
	if _, err := project.Load(t.Context(), ".", []string{"nowhere"}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a path that is not there: %v", err)
	}
	if _, err := project.Load(t.Context(), "a/Dockerfile", nil); err == nil {
		t.Error("a file was taken for the root")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := project.Load(ctx, ".", nil); err == nil {
		t.Error("a canceled load went on")
	}
}
