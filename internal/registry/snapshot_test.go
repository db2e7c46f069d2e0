package registry_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/registry"
)

// TestSnapshot lists what manifests name, and nothing of a push that is not done;
// what is damaged or gone is listed apart.
func TestSnapshot(t *testing.T) {
	f := serve(t, registry.Options{})
	layer, lost := bytes.Repeat([]byte("content "), 1000), []byte("lost")
	_, digest := f.image("app", "v1", "{}", layer, lost)
	f.blob("app", []byte("of a push that is not done"))
	take := func(path string) (all, missing []string) {
		t.Helper()
		whole, missing, err := f.store.Snapshot(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range whole {
			if info, err := os.Stat(f.file(c.Digest)); err != nil || info.Size() != c.Size {
				t.Errorf("%+v is not there", c)
			}
			all = append(all, c.Digest)
		}
		return all, missing
	}
	want := []string{sha([]byte("{}")), sha(layer), sha(lost), digest}
	slices.Sort(want)
	path := filepath.Join(t.TempDir(), "registry.db")
	if all, missing := take(path); !slices.Equal(all, want) || len(missing) > 0 {
		t.Errorf("got %v and %v, want %v", all, missing, want)
	}
	if all, err := registry.Named(t.Context(), path); err != nil || !slices.Equal(all, want) {
		t.Errorf("the copy names %v, %v", all, err)
	}
	f.flip(sha(layer))
	if err := os.Remove(f.file(sha(lost))); err != nil {
		t.Fatal(err)
	}
	gone := []string{sha(layer), sha(lost)}
	slices.Sort(gone)
	if all, missing := take(filepath.Join(t.TempDir(), "again.db")); len(all) != 2 || !slices.Equal(missing, gone) {
		t.Errorf("got %v and %v", all, missing)
	}
}
