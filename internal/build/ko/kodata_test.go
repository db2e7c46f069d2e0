package ko_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/davit-dev/davit/internal/build/ko"
	"github.com/davit-dev/davit/internal/build/layer"
)

// lists says what entries are, one a line.
func lists(t *testing.T, entries []layer.Entry) string {
	t.Helper()
	var all []string
	for _, e := range entries {
		if e.Mode != 0o555 || e.UID != 0 || e.GID != 0 || e.Link != "" {
			t.Errorf("%+v", e)
		}
		content := ""
		if e.Open != nil {
			file, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(file)
			if err != nil || file.Close() != nil || int64(len(data)) != e.Size {
				t.Fatalf("%s: %d bytes of %d, %v", e.Name, len(data), e.Size, err)
			}
			content = "=" + string(data)
		}
		all = append(all, e.Name+content)
	}
	if !slices.IsSorted(all) {
		t.Errorf("not sorted: %q", all)
	}
	return strings.Join(all, " ")
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestKodata(t *testing.T) {
	dir := module(t, map[string]string{
		"cmd/api/kodata/index.html": "<p>", "cmd/api/kodata/deep/a": "1", "cmd/api/kodata/.git/HEAD": "x", "cmd/api/kodata/.hidden": "h",
		"LICENSE": "free", "ui/dist/app.js": "js",
	})
	data := filepath.Join(dir, "cmd/api/kodata")
	link(t, "../../../LICENSE", filepath.Join(data, "LICENSE"))
	link(t, filepath.Join(dir, "ui"), filepath.Join(data, "ui"))
	link(t, "deep", filepath.Join(data, "again"))
	if err := os.Mkdir(filepath.Join(data, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := ko.Kodata(filepath.Join(dir, "cmd/api"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "var/run/ko/ var/run/ko/.hidden=h var/run/ko/LICENSE=free var/run/ko/again/ var/run/ko/again/a=1 var/run/ko/deep/ var/run/ko/deep/a=1" +
		" var/run/ko/empty/ var/run/ko/index.html=<p> var/run/ko/ui/ var/run/ko/ui/dist/ var/run/ko/ui/dist/app.js=js"
	if got := lists(t, entries); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestKodataIsNotThere(t *testing.T) {
	dir := module(t, map[string]string{"cmd/api/kodata": "a file"})
	for _, pkg := range []string{"", "cmd/api"} {
		if entries, err := ko.Kodata(filepath.Join(dir, pkg)); err != nil || entries != nil {
			t.Errorf("%q: %v, %v", pkg, entries, err)
		}
	}
}

func TestKodataThatIsALink(t *testing.T) {
	dir := module(t, map[string]string{"ui/a": "1"})
	link(t, "../../ui", filepath.Join(dir, "cmd/api/kodata"))
	entries, err := ko.Kodata(filepath.Join(dir, "cmd/api"))
	if got, want := lists(t, entries), "var/run/ko/ var/run/ko/a=1"; err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestKodataRefuses(t *testing.T) {
	outside := tree(t, map[string]string{"secret": "x"})
	for name, tc := range map[string]struct {
		prepare func(dir, data string)
		want    string
	}{
		"a file outside":   {func(_, data string) { link(t, filepath.Join(outside, "secret"), filepath.Join(data, "x")) }, "outside the module"},
		"a folder outside": {func(_, data string) { link(t, outside, filepath.Join(data, "x")) }, "outside the module"},
		"over two links": {func(dir, data string) {
			link(t, outside, filepath.Join(dir, "other"))
			link(t, "../../../other", filepath.Join(data, "x"))
		}, "outside the module"},
		"git": {func(dir, data string) {
			if err := os.MkdirAll(filepath.Join(dir, ".git/refs"), 0o750); err != nil {
				t.Fatal(err)
			}
			link(t, "../../../.git/refs", filepath.Join(data, "refs"))
		}, "files of git"},
		"a circle":         {func(_, data string) { link(t, ".", filepath.Join(data, "x")) }, "lies in itself"},
		"a dead link":      {func(_, data string) { link(t, "none", filepath.Join(data, "x")) }, "no such file"},
		"a link to itself": {func(_, data string) { link(t, "x", filepath.Join(data, "x")) }, "too many links"},
		"a pipe": {func(_, data string) {
			if err := syscall.Mkfifo(filepath.Join(data, "x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "neither a file nor a folder"},
	} {
		dir := module(t, map[string]string{"cmd/api/kodata/a": "1"})
		tc.prepare(dir, filepath.Join(dir, "cmd/api/kodata"))
		if entries, err := ko.Kodata(filepath.Join(dir, "cmd/api")); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %d entries, %v", name, len(entries), err)
		}
	}
}
