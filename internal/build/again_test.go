package build_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/source"
)

// What stands below the imports does not change what the module's packages are:
// nobody has to look for them. A new package does.
func TestTheTreeIsReadWhenItMayBeAnother(t *testing.T) {
	dir, b := module(t, "hello", t.TempDir()), builder(t, build.DefaultConfig(), build.Options{})
	first := remembered(t, b, dir)
	edit(t, filepath.Join(dir, "main.go"), "\nfunc init() { println(\"more\") }\n")
	unread := func(context.Context) (source.Tree, error) { return source.Tree{}, errors.New("the tree was read") }
	second, err := b.Build(t.Context(), dir, nil, false, unread)
	if err != nil {
		t.Fatal(err)
	}
	if second[0].Digest() == first.Digest() {
		t.Error("the change is not in the image")
	}
	remembered(t, b, dir)
	if err := os.Mkdir(filepath.Join(dir, "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other", "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Build(t.Context(), dir, nil, false, unread); err == nil || err.Error() != "the tree was read" {
		t.Errorf("a second main package was not looked for: %v", err)
	}
}

// remembered builds until the builder remembers that it did: a build of what was
// touched in the same hundredth of a second is forgotten.
func remembered(t *testing.T, b *build.Builder, dir string) *build.Image {
	t.Helper()
	for {
		image := images(t, b, dir, false)[0]
		again, why, err := b.Again(t.Context(), dir, nil, false)
		if err != nil || t.Context().Err() != nil {
			t.Fatal(why, err)
		}
		if why == "" && again[0].Digest() == image.Digest() {
			return image
		}
	}
}

// edit puts text at the end of a file.
func edit(t *testing.T, path, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, text...), 0o644); err != nil {
		t.Fatal(err)
	}
}
