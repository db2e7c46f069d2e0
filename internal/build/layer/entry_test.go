package layer

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
	f.Add("home/nonroot", []byte(nil), int64(0o700), 65532, true)
	f.Add(strings.Repeat("long/", 60)+"ü name", []byte{0}, int64(0o1777), 1<<30, false)
	f.Fuzz(func(t *testing.T, name string, data []byte, mode int64, owner int, dir bool) {
		name = strings.Trim(name, "/")
		if name == "" || strings.ContainsRune(name, 0) {
			return
		}
		e := File(name, data)
		if dir {
			e, data = Folder(name, 0, 0), nil
		}
		e.Mode, e.UID, e.GID = mode&0o7777, owner&(1<<31-1), owner&(1<<31-1)
		var first, second bytes.Buffer
		if err := WriteTar(&first, []Entry{e}); err != nil {
			t.Skip(err) // the format has limits; nothing is written past them in silence
		}
		if err := WriteTar(&second, []Entry{e}); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
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
		if header.Name != e.Name || header.Mode != e.Mode || header.Uid != e.UID || header.Gid != e.GID ||
			header.ModTime.Unix() != 0 || (header.Typeflag == tar.TypeDir) != dir {
			t.Errorf("read %+v, wrote %+v", header, e)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the only entry: %v", err)
		}
	})
}

func entryNames(entries []Entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return strings.Join(names, " ")
}

func TestParentsComeFirstAndOnce(t *testing.T) {
	below := []Entry{Folder("tmp", 0o1777, 0), Folder("etc", 0o755, 0), File("etc/passwd", nil)}
	got, err := WithParents([]Entry{File("tmp/a/b", nil), File("srv-x/y", nil), File("srv/x/y", nil), Folder("srv/x", 0o700, 7)}, below)
	if want := "srv-x/ srv-x/y srv/ srv/x/ srv/x/y tmp/a/ tmp/a/b"; err != nil || entryNames(got) != want {
		t.Errorf("%v, %v; want %s", entryNames(got), err, want)
	}
	if got[3].Mode != 0o700 || got[3].UID != 7 {
		t.Errorf("a folder of its own became %+v", got[3])
	}
	for _, bad := range []Entry{
		File("etc/passwd", nil), Folder("etc/passwd", 0o755, 0), File("etc", nil), Folder("tmp", 0o755, 0), File("etc/passwd/x", nil),
	} {
		if got, err := WithParents([]Entry{bad}, below); err == nil {
			t.Errorf("%s became %s", bad.Name, entryNames(got))
		}
	}
}

func TestLayerKeyIsOfAllThatGoesIn(t *testing.T) {
	seen := map[string]string{}
	for name, entries := range map[string][]Entry{
		"one":     {File("a", []byte("x"))},
		"content": {File("a", []byte("y"))},
		"name":    {File("b", []byte("x"))},
		"mode":    {func() Entry { e := File("a", []byte("x")); e.Mode = 0o755; return e }()},
		"owner":   {func() Entry { e := File("a", []byte("x")); e.UID = 1; return e }()},
		"two":     {File("a", []byte("x")), File("b", nil)},
		"folder":  {Folder("a", 0o644, 0)},
		"group":   {func() Entry { e := File("a", []byte("x")); e.GID = 1; return e }()},
		"link":    {Symlink("a", "x")},
		"target":  {Symlink("a", "y")},
		"rights":  {func() Entry { e := File("a", []byte("x")); e.Capabilities = []byte{1}; return e }()},
	} {
		key, err := key(entries, Gzip)
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
		e := File("a", []byte("xx"))
		e.Size = size
		if err := WriteTar(io.Discard, []Entry{e, File("b", nil)}); err == nil || !strings.Contains(err.Error(), "/") {
			t.Errorf("announced %d of 2 bytes: %v", size, err)
		}
	}
	gone := Entry{Name: "a", Size: 1, Open: func() (io.ReadCloser, error) { return nil, fmt.Errorf("gone") }}
	if err := WriteTar(io.Discard, []Entry{gone}); err == nil || !strings.Contains(err.Error(), "/a: gone") {
		t.Errorf("got %v", err)
	}
}

// FuzzLink: a link reads back as what it was, and so do the rights of a file.
func FuzzLink(f *testing.F) {
	f.Add("lib64", "usr/lib64", []byte{1, 0, 0, 2, 0, 4, 0, 0})
	f.Add("a", strings.Repeat("../", 90)+"b", []byte("\n=\x01"))
	f.Fuzz(func(t *testing.T, name, target string, rights []byte) {
		name = strings.Trim(name, "/")
		if name == "" || target == "" || strings.ContainsRune(name+target, 0) {
			return
		}
		program := File("program", []byte("x"))
		program.Capabilities = rights
		var archive bytes.Buffer
		if err := WriteTar(&archive, []Entry{Symlink(name, target), program}); err != nil {
			t.Skip(err)
		}
		r := tar.NewReader(&archive)
		header, err := r.Next()
		if err != nil || header.Typeflag != tar.TypeSymlink || header.Name != name || header.Linkname != target {
			t.Fatalf("%q to %q was read as %+v, %v", name, target, header, err)
		}
		header, err = r.Next()
		if err != nil || header.PAXRecords[capabilityAttribute] != string(rights) {
			t.Errorf("%q was read as %+v, %v", rights, header, err)
		}
	})
}

func TestWhiteoutsNameWhatIsGone(t *testing.T) {
	for name, want := range map[string]string{"/etc/x": "etc/.wh.x", "x/": ".wh.x"} {
		if got := Whiteout(name).Name; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
