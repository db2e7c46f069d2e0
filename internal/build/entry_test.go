package build

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// FuzzTar: what is written reads back as the same, and the same again gives the
// same bytes.
func FuzzTar(f *testing.F) {
	f.Add("app/orders", []byte("program"), int64(0o755), 0, false)
	f.Add("home/nonroot", []byte(nil), int64(0o700), nonroot, true)
	f.Add(strings.Repeat("long/", 60)+"ü name", []byte{0}, int64(0o1777), 1<<30, false)
	f.Fuzz(func(t *testing.T, name string, data []byte, mode int64, owner int, dir bool) {
		name = strings.Trim(name, "/")
		if name == "" || strings.ContainsRune(name, 0) {
			return
		}
		e := file(name, data)
		if dir {
			e, data = folder(name, 0, 0), nil
		}
		e.mode, e.owner = mode&0o1777, owner&(1<<31-1)
		var first, second bytes.Buffer
		if err := writeTar(&first, []entry{e}); err != nil {
			t.Skip(err) // the format has limits; nothing is written past them in silence
		}
		if err := writeTar(&second, []entry{e}); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("written twice: %v, different bytes", err)
		}
		r := tar.NewReader(&first)
		header, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(content, data) {
			t.Errorf("content %q, %v, want %q", content, err, data)
		}
		if header.Name != e.name || header.Mode != e.mode || header.Uid != e.owner || header.Gid != e.owner ||
			header.ModTime.Unix() != 0 || (header.Typeflag == tar.TypeDir) != dir {
			t.Errorf("read %+v, wrote %+v", header, e)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the only entry: %v", err)
		}
	})
}

func entryNames(entries []entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.name)
	}
	return strings.Join(names, " ")
}

func TestParentsComeFirstAndOnce(t *testing.T) {
	below := []entry{folder("tmp", 0o1777, 0), folder("etc", 0o755, 0), file("etc/passwd", nil)}
	got, err := withParents([]entry{file("tmp/a/b", nil), file("srv-x/y", nil), file("srv/x/y", nil), folder("srv/x", 0o700, 7)}, below)
	if want := "srv-x/ srv-x/y srv/ srv/x/ srv/x/y tmp/a/ tmp/a/b"; err != nil || entryNames(got) != want {
		t.Errorf("%v, %v; want %s", entryNames(got), err, want)
	}
	if got[3].mode != 0o700 || got[3].owner != 7 {
		t.Errorf("a folder of its own became %+v", got[3])
	}
	for _, bad := range []entry{
		file("etc/passwd", nil), folder("etc/passwd", 0o755, 0), file("etc", nil), folder("tmp", 0o755, 0), file("etc/passwd/x", nil),
	} {
		if got, err := withParents([]entry{bad}, below); err == nil {
			t.Errorf("%s became %s", bad.name, entryNames(got))
		}
	}
}

func TestLayerKeyIsOfAllThatGoesIn(t *testing.T) {
	seen := map[string]string{}
	for name, entries := range map[string][]entry{
		"one":     {file("a", []byte("x"))},
		"content": {file("a", []byte("y"))},
		"name":    {file("b", []byte("x"))},
		"mode":    {func() entry { e := file("a", []byte("x")); e.mode = 0o755; return e }()},
		"owner":   {func() entry { e := file("a", []byte("x")); e.owner = 1; return e }()},
		"two":     {file("a", []byte("x")), file("b", nil)},
		"folder":  {folder("a", 0o644, 0)},
	} {
		key, err := layerKey(entries)
		if err != nil {
			t.Fatal(err)
		}
		if other, found := seen[key]; found {
			t.Errorf("%s and %s share a key", name, other)
		}
		seen[key] = name
	}
}

func TestAFileThatChangesWhileItIsReadIsAnError(t *testing.T) {
	for _, size := range []int64{1, 3} {
		e := file("a", []byte("xx"))
		e.size = size
		if err := writeTar(io.Discard, []entry{e, file("b", nil)}); err == nil || !strings.Contains(err.Error(), "/") {
			t.Errorf("announced %d of 2 bytes: %v", size, err)
		}
	}
	gone := entry{name: "a", size: 1, open: func() (io.ReadCloser, error) { return nil, fmt.Errorf("gone") }}
	if err := writeTar(io.Discard, []entry{gone}); err == nil || !strings.Contains(err.Error(), "/a: gone") {
		t.Errorf("got %v", err)
	}
}
