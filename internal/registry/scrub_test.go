package registry_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/registry"
)

// TestReliability05ScrubFindsAFlippedBit damages a layer and loses another: both
// are found with who needs them, and a push heals them.
func TestReliability05ScrubFindsAFlippedBit(t *testing.T) {
	f := serve(t, registry.Options{})
	layer, lost := bytes.Repeat([]byte("content "), 1000), []byte("lost")
	_, digest := f.image("app", "v1", "{}", layer, lost)
	if found, err := f.store.Scrub(t.Context()); err != nil || found.Blobs != 4 || len(found.Damaged) != 0 {
		t.Fatalf("found %+v, %v in a whole store", found, err)
	}
	f.flip(sha(layer))
	if err := os.Remove(f.file(sha(lost))); err != nil {
		t.Fatal(err)
	}
	found, err := f.store.Scrub(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{sha(layer): false, sha(lost): true} // missing
	for _, d := range found.Damaged {
		missing, known := want[d.Digest]
		if !known || d.Missing != missing || d.Repository != "app" || !slices.Equal(d.Manifests, []string{digest}) {
			t.Errorf("found %+v", d)
		}
		delete(want, d.Digest)
	}
	if len(want) != 0 || found.Blobs != 3 {
		t.Errorf("found %+v; not %v", found, want)
	}
	if aside, err := os.ReadDir(filepath.Join(f.dir, "damaged")); err != nil || len(aside) != 1 {
		t.Errorf("set aside: %v, %v", aside, err)
	}
	if _, err := f.store.Unpack(t.Context(), "app", digest); err == nil {
		t.Error("what is damaged was unpacked")
	}
	f.want(404, "", "HEAD", "/v2/app/blobs/"+sha(layer), nil) // so that clients push it
	f.blob("app", layer)
	f.blob("app", lost)
	if found, err := f.store.Scrub(t.Context()); err != nil || len(found.Damaged) != 0 {
		t.Errorf("after it was pushed again: %+v, %v", found, err)
	}
	if a := f.want(200, "", "GET", "/v2/app/blobs/"+sha(layer), nil); !bytes.Equal(a.body, layer) {
		t.Error("it came back otherwise")
	}
}

func TestScrubFindsDamageThatNobodyNeeds(t *testing.T) {
	f := serve(t, registry.Options{})
	d := f.blob("app", []byte("alone"))
	f.want(202, "", "DELETE", "/v2/app/blobs/"+d, nil)
	f.flip(d)
	found, err := f.store.Scrub(t.Context())
	if err != nil || len(found.Damaged) != 1 || found.Damaged[0].Digest != d || found.Damaged[0].Repository != "" {
		t.Errorf("found %+v, %v", found, err)
	}
}
