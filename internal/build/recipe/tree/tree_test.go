package tree_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// image makes an image of one layer for each list of entries.
func image(tb testing.TB, layers ...[]layer.Entry) v1.Image {
	tb.Helper()
	img := empty.Image
	for _, entries := range layers {
		var data bytes.Buffer
		if err := layer.WriteTar(&data, entries); err != nil {
			tb.Fatal(err)
		}
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data.Bytes())), nil })
		if err == nil {
			img, err = mutate.AppendLayers(img, l)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return img
}

func base() []layer.Entry {
	return []layer.Entry{
		layer.Folder("a", 0o700, 3), layer.File("a/x", []byte("x")), layer.File("a/y", []byte("y")),
		layer.Folder("a/d", 0o755, 0), layer.File("a/d/z", []byte("z")), layer.Symlink("l", "a"), layer.Symlink("a/up", "../b"),
		layer.Folder("b", 0o755, 0), layer.File("f", []byte("f")), layer.Symlink("dead", "/none"),
	}
}

// openTree makes a tree over an image of the given layers.
func openTree(tb testing.TB, whole bool, layers ...[]layer.Entry) *tree.Tree {
	tb.Helper()
	index, err := tree.ReadIndex(tb.Context(), image(tb, layers...), tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	made, err := tree.New(tb.TempDir(), tree.Below{Image: tree.Fixed(index)}, whole)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = made.Close() })
	return made
}

// view lists what a tree holds.
func view(tb testing.TB, in *tree.Tree) map[string]string {
	tb.Helper()
	all := map[string]string{}
	err := in.Walk(tb.Context(), "/", func(name string, i tree.Info) error {
		text := fmt.Sprintf("%o %d:%d", i.Mode, i.UID, i.GID)
		switch {
		case name == "/":
			return nil
		case i.Dir:
			text += " folder"
		case i.Link != "":
			text += " -> " + i.Link
		default:
			data, err := in.ReadFile(tb.Context(), name)
			if err != nil {
				return err
			}
			text += " " + string(data)
		}
		all[strings.TrimPrefix(name, "/")] = text
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// apply puts layers over files, as a container engine does.
func apply(tb testing.TB, files map[string]string, layers [][]layer.Entry) {
	tb.Helper()
	remove := func(name string) {
		maps.DeleteFunc(files, func(other, _ string) bool { return other == name || strings.HasPrefix(other, name+"/") })
	}
	for _, entries := range layers {
		for _, e := range entries {
			if dir, base := path.Split(e.Name); strings.HasPrefix(base, ".wh.") {
				remove(dir + strings.TrimPrefix(base, ".wh."))
			}
		}
		for _, e := range entries {
			name := strings.TrimSuffix(e.Name, "/")
			if strings.HasPrefix(path.Base(name), ".wh.") {
				continue
			}
			if dir := path.Dir(name); dir != "." && !strings.HasSuffix(files[dir], " folder") {
				tb.Fatalf("%s comes without its folder", e.Name)
			}
			if !e.IsFolder() || !strings.HasSuffix(files[name], " folder") {
				remove(name)
			}
			files[name] = describe(tb, e)
		}
	}
}

func describe(tb testing.TB, e layer.Entry) string {
	tb.Helper()
	text := fmt.Sprintf("%o %d:%d", e.Mode, e.UID, e.GID)
	switch {
	case e.IsFolder():
		return text + " folder"
	case e.Link != "":
		return text + " -> " + e.Link
	}
	r, err := e.Open()
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		tb.Fatal(err)
	}
	return text + " " + string(data)
}

// FuzzChanges: what the layers make of the base is what the tree shows.
func FuzzChanges(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x03\x02"))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x01\x01\x01\x05\x00\x03\x04\x01\x02\x06\x02\x01"))
	f.Add([]byte("\x02\x07\x00\x03\x00\x07\x01\x04\x02\x02\x09\x01\x06\x00\x05\x07\x01\x01"))
	names := []string{"/a", "/a/x", "/a/d", "/a/d/z", "/b", "/f", "/l/y", "/n", "/n/m", "/a/up", "/dead", "/l", "/a/up/q"}
	f.Fuzz(func(t *testing.T, ops []byte) {
		made := openTree(t, true, base())
		ctx := t.Context()
		for ; len(ops) >= 3; ops = ops[3:] {
			name, other := names[int(ops[1])%len(names)], names[int(ops[2])%len(names)]
			made.Step()
			owner := tree.Owner{UID: int(ops[2]), GID: 1}
			switch ops[0] % 9 {
			case 0:
				_ = made.Mkdir(ctx, name, 0o711, owner)
			case 1:
				_ = made.Write(ctx, name, ops[1:3], owner)
			case 2:
				_ = made.Remove(ctx, name)
			case 3:
				_ = made.Rename(ctx, name, other)
			case 4:
				_ = made.Symlink(ctx, name, strings.Repeat("../", int(ops[2]%3))+strings.TrimPrefix(other, strings.Repeat("/", int(ops[2]%2))), owner)
			case 5:
				_ = made.Copy(ctx, made, name, other, func(i tree.Info) tree.Info { return i })
			case 6:
				_ = made.Chmod(ctx, name, func(i tree.Info) int64 { return i.Mode ^ 0o1011 })
			case 7:
				_ = made.Chown(ctx, name, func(o tree.Owner) tree.Owner { return tree.Owner{UID: o.UID + 1, GID: 9} })
			case 8:
				_ = made.MkdirAll(ctx, name+"/deep/er", 0o750, owner)
			}
		}
		layers, err := made.Changes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := view(t, made)
		got := map[string]string{}
		apply(t, got, [][]layer.Entry{base()})
		apply(t, got, layers)
		if !maps.Equal(got, want) {
			for _, name := range slices.Sorted(maps.Keys(merge(got, want))) {
				if got[name] != want[name] {
					t.Errorf("%s: the layers make %q, the tree has %q", name, got[name], want[name])
				}
			}
		}
	})
}

func merge(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// On disk links lead to what they lead to in the tree, and nowhere else.
func TestLinksOnDisk(t *testing.T) {
	made := openTree(t, true, base())
	for name, target := range map[string]string{"/b/abs": "/f2", "/b/up": "../../../f2", "/b/near": "../f2"} {
		if err := made.Symlink(t.Context(), name, target, tree.Owner{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := made.Write(t.Context(), "/f2", []byte("content"), tree.Owner{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"abs", "up", "near"} {
		data, err := fs.ReadFile(dirFS(made.Dir()), "b/"+name)
		if err != nil || string(data) != "content" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if i, err := made.Lstat(t.Context(), "/b/up"); err != nil || i.Link != "../../../f2" || !made.Relinked() {
		t.Errorf("%+v, %v", i, err)
	}
}

// An index follows whiteouts, opaque folders and hard links.
func TestIndex(t *testing.T) {
	var second bytes.Buffer
	w := tar.NewWriter(&second)
	for _, h := range []*tar.Header{
		{Name: "./a/.wh.x", Typeflag: tar.TypeReg},
		{Name: "a/d/.wh..wh..opq", Typeflag: tar.TypeReg},
		{Name: "a/d/new", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "hard", Typeflag: tar.TypeLink, Linkname: "a/d/new"},
		{Name: "b", Typeflag: tar.TypeReg, Mode: 0o600},
		{Name: "dev", Typeflag: tar.TypeChar},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(second.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(image(t, base()), l)
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	for range 2 { // the second time from the list that is kept
		index, err := tree.ReadIndex(t.Context(), img, cache)
		if err != nil {
			t.Fatal(err)
		}
		made, err := tree.New(t.TempDir(), tree.Below{Image: tree.Fixed(index)}, false)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"a": "700 3:3 folder", "a/d": "755 0:0 folder", "a/d/new": "644 0:0 ", "a/up": "777 0:0 -> ../b", "a/y": "644 0:0 y",
			"b": "600 0:0 ", "dead": "777 0:0 -> /none", "f": "644 0:0 f", "hard": "644 0:0 ", "l": "777 0:0 -> a",
		}
		if got := view(t, made); !maps.Equal(got, want) {
			t.Errorf("got %v", got)
		}
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	}
}

func dirFS(dir string) fs.FS { return os.DirFS(dir) }
