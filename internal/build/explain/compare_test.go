package explain_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/davit-dev/davit/internal/build/explain"
	"github.com/davit-dev/davit/internal/build/layer"
)

func compare(tb testing.TB, a, b v1.Image) string {
	tb.Helper()
	where, err := explain.Compare(tb.Context(), a, b)
	if err != nil {
		tb.Fatal(err)
	}
	return where
}

func TestCompareNamesTheFirstDifference(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	plain := func() picture {
		return picture{layers: [][]layer.Entry{{file("etc/a", "one")}, {file("app/x", long), file("app/y", "y")}}}
	}
	for name, c := range map[string]struct {
		change func(*picture)
		want   string
	}{
		"nothing":      {func(*picture) {}, ""},
		"a byte":       {func(p *picture) { p.layers[1][0] = file("app/x", long[:70_000]+"y"+long[70_001:]) }, "layer 2: /app/x: byte 70000 (100000 and 100000 bytes long)"},
		"shorter":      {func(p *picture) { p.layers[1][0] = file("app/x", long[1:]) }, "layer 2: /app/x: byte 99999 (100000 and 99999 bytes long)"},
		"mode":         {func(p *picture) { p.layers[1][1].Mode = 0o600 }, "layer 2: /app/y: mode: 0644, 0600"},
		"owner":        {func(p *picture) { p.layers[1][1].GID = 7 }, "layer 2: /app/y: owner: 0:0, 0:7"},
		"capability":   {func(p *picture) { p.layers[1][1].Capabilities = []byte("c") }, `layer 2: /app/y: SCHILY.xattr.security.capability: , "c"`},
		"other name":   {func(p *picture) { p.layers[1][1] = file("app/z", "y") }, "layer 2: /app/z in the place of /app/y"},
		"less":         {func(p *picture) { p.layers[1] = p.layers[1][:1] }, "layer 2: only the first has /app/y"},
		"more":         {func(p *picture) { p.layers[1] = append(p.layers[1], file("b", "")) }, "layer 2: only the second has /b"},
		"fewer layers": {func(p *picture) { p.layers = p.layers[:1] }, "number of layers: 2, 1"},
		"config":       {func(p *picture) { p.env = []string{"A=1"} }, `config: config.Env: nothing, ["A=1"]`},
	} {
		t.Run(name, func(t *testing.T) {
			changed := plain()
			c.change(&changed)
			if got := compare(t, plain().image(t), changed.image(t)); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCompareLooksAtTheManifestToo(t *testing.T) {
	image := picture{layers: [][]layer.Entry{{file("a", "a")}}}.image(t)
	annotated, ok := mutate.Annotations(image, map[string]string{"k": "v"}).(v1.Image)
	if !ok {
		t.Fatal("not an image")
	}
	if got, want := compare(t, image, annotated), `manifest: annotations: nothing, {"k":"v"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The law: images are the same exactly when Compare says nothing, and the byte
// that it names is where the contents part.
func FuzzCompare(f *testing.F) {
	for _, pair := range [][2]string{{"", ""}, {"a", "b"}, {"abc", "ab"}, {"same", "same"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		image := func(content string) v1.Image {
			return picture{layers: [][]layer.Entry{{file("f", content)}}}.image(t)
		}
		common := 0
		for common < min(len(a), len(b)) && a[common] == b[common] {
			common++
		}
		want := fmt.Sprintf("layer 1: /f: byte %d (%d and %d bytes long)", common, len(a), len(b))
		if a == b {
			want = ""
		}
		if got := compare(t, image(a), image(b)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestTheSameFilesCompressedOtherwise(t *testing.T) {
	var archive bytes.Buffer
	if err := layer.WriteTar(&archive, []layer.Entry{file("a", "a")}); err != nil {
		t.Fatal(err)
	}
	packed := func(level int) v1.Image {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
		}, tarball.WithCompressionLevel(level))
		if err != nil {
			t.Fatal(err)
		}
		image, err := mutate.AppendLayers(empty.Image, l)
		if err != nil {
			t.Fatal(err)
		}
		return image
	}
	one, other := packed(gzip.NoCompression), packed(gzip.BestCompression)
	if got := compare(t, one, other); !strings.HasPrefix(got, "layer 1: the same files compressed otherwise (") {
		t.Errorf("compared: %s", got)
	}
	if got := lines(explain.Explain(describe(t, one), describe(t, other))); !strings.HasPrefix(got, "layer 1: compressed otherwise: ") {
		t.Errorf("explained: %s", got)
	}
}

// A sparse file of a few bytes can claim to be as long as a disk.
func TestSparseFilesAreRefused(t *testing.T) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "bomb", Size: 1, Mode: 0o644, Format: tar.FormatPAX, PAXRecords: map[string]string{
		"XNU.sparse.map": "0,1", "XNU.sparse.numblocks": "1", "XNU.sparse.size": "1000000000000000",
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	bomb := appendLayer(t, empty.Image, bytes.ReplaceAll(archive.Bytes(), []byte("XNU."), []byte("GNU.")), "")
	if _, err := explain.Describe(t.Context(), bomb); err == nil || !strings.Contains(err.Error(), "sparse") {
		t.Errorf("described: %v", err)
	}
	other := picture{layers: [][]layer.Entry{{file("bomb", "y")}}}.image(t)
	if _, err := explain.Compare(t.Context(), bomb, other); err == nil || !strings.Contains(err.Error(), "sparse") {
		t.Errorf("compared: %v", err)
	}
}
