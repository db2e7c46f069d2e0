package explain_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/davit-dev/davit/internal/build/explain"
	"github.com/davit-dev/davit/internal/build/layer"
)

// places puts an image, or an index of two, wherever images can be.
func places(t *testing.T, image v1.Image, index v1.ImageIndex) map[string]string {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tag, err := name.NewTag(host(t) + "/shop:v1")
	check(err)
	both, err := name.NewTag(tag.Context().Name() + ":both")
	check(err)
	check(remote.Write(tag, image))
	check(remote.WriteIndex(both, index))
	dir := filepath.Join(t.TempDir(), "layout")
	_, err = layout.Write(dir, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index}))
	check(err)
	packed := filepath.Join(t.TempDir(), "layout.tar")
	check(os.WriteFile(packed, pack(t, dir), 0o600))
	saved := filepath.Join(t.TempDir(), "saved.tar")
	check(tarball.WriteToFile(saved, tag, image))
	return map[string]string{
		"image in a registry": tag.Name(), "index in a registry": both.Name(),
		"layout": dir, "layout in a tar archive": packed, "docker save": saved,
	}
}

// pack makes a tar archive of a folder.
func pack(t *testing.T, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	if err := archive.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOpenFindsTheSameImageEverywhere(t *testing.T) {
	image := picture{layers: [][]layer.Entry{{file("etc/a", "one")}, {file("app/x", "x")}}}.image(t)
	other := picture{layers: [][]layer.Entry{{file("etc/a", "two")}}}.image(t)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: other, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	amd64 := explain.Options{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}
	want := describe(t, image)
	for label, where := range places(t, image, index) {
		t.Run(label, func(t *testing.T) {
			opened, err := explain.Open(t.Context(), where, amd64)
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(t, opened.Image); len(got.Files) != len(want.Files) || got.Files["/app/x"].SHA256 != want.Files["/app/x"].SHA256 {
				t.Errorf("files %v", got.Files)
			}
			if label != "docker save" { // which keeps no manifest
				if where := compare(t, image, opened.Image); where != "" {
					t.Error(where)
				}
			}
			if strings.Contains(label, "registry") != (opened.Named.DigestStr() != "") {
				t.Errorf("named %q", opened.Named)
			}
			if strings.Contains(label, "index") || strings.Contains(label, "layout") {
				riscv := explain.Options{Platform: &v1.Platform{OS: "linux", Architecture: "riscv64"}}
				if _, err := explain.Open(t.Context(), where, riscv); err == nil || !strings.Contains(err.Error(), "linux/arm64, linux/amd64") {
					t.Errorf("error %v", err)
				}
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	archive := func(name, content string) []byte {
		var out bytes.Buffer
		if err := layer.WriteTar(&out, []layer.Entry{file(name, content)}); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	gone := `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":3,"digest":"sha256:` + strings.Repeat("a", 64) + `"}]}`
	for where, want := range map[string]string{
		dir:                                  "no OCI layout",
		write("text", []byte("hello")):       "tar",
		write("else.tar", archive("x", "x")): "it is not an image",
		write("gone.tar", archive("index.json", gone)):   "the archive has no blobs/sha256/aaaa",
		write("broken.tar", archive("index.json", "{[")): "invalid character",
		"Not A Reference": "not a reference",
	} {
		if _, err := explain.Open(t.Context(), where, explain.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", filepath.Base(where), err, want)
		}
	}
}

func TestADamagedLayerIsAnError(t *testing.T) {
	image := picture{layers: [][]layer.Entry{{file("app/x", strings.Repeat("x", 1000))}}}.image(t)
	dir := t.TempDir()
	if _, err := layout.Write(dir, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image})); err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(dir, "blobs", "sha256", digest.Hex)
	if err := os.WriteFile(blob, []byte("\x1f\x8bnot gzip any more"), fs.FileMode(0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := explain.Load(t.Context(), dir, explain.Options{}); err == nil || !strings.Contains(err.Error(), "layer 1") {
		t.Errorf("error %v", err)
	}
}

// The law: whatever the file holds, opening and describing it ends, and what can
// be described is the same the second time.
func FuzzArchive(f *testing.F) {
	image := picture{layers: [][]layer.Entry{{file("a", "a")}}}.image(f)
	dir := filepath.Join(f.TempDir(), "layout")
	if _, err := layout.Write(dir, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image})); err != nil {
		f.Fatal(err)
	}
	var packed bytes.Buffer
	archive := tar.NewWriter(&packed)
	if err := archive.AddFS(os.DirFS(dir)); err != nil {
		f.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(packed.Bytes())
	f.Add(bytes.ReplaceAll(packed.Bytes(), []byte("sha256:"), []byte("sha512:")))
	f.Add([]byte("not a tar archive"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "archive")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		first, err := explain.Load(t.Context(), path, explain.Options{})
		if err != nil {
			return
		}
		again, err := explain.Load(t.Context(), path, explain.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if found := explain.Explain(first, again); len(found) > 0 {
			t.Errorf("differs from itself: %v", found)
		}
		again.Digest = "" // so that all is looked at
		if found := explain.Explain(first, again); len(found) > 0 {
			t.Errorf("differs from itself: %v", found)
		}
	})
}

// The law: a layer is described as it was written, and a damaged one ends.
func FuzzLayer(f *testing.F) {
	var archive bytes.Buffer
	if err := layer.WriteTar(&archive, []layer.Entry{
		layer.Folder("d", 0o755, 0), file("d/f", "f"), layer.Symlink("l", "d/f"), layer.Whiteout("d/g"),
	}); err != nil {
		f.Fatal(err)
	}
	f.Add(archive.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := explain.Describe(t.Context(), appendLayer(t, empty.Image, data, ""))
		if err != nil {
			return
		}
		for path, found := range d.Files {
			if !strings.HasPrefix(path, "/") || strings.Contains(path, "/../") || found.Layer != 0 {
				t.Errorf("%q of layer %d", path, found.Layer)
			}
		}
	})
}
