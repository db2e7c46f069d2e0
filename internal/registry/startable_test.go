package registry_test

import (
	"archive/tar"
	"os"
	"testing"

	"github.com/davit-dev/davit/internal/registry"
)

func TestStartableSeesWhatIsMissing(t *testing.T) {
	f := serve(t, registry.Options{})
	layer := archive(t, tar.Header{Name: "a", Typeflag: tar.TypeReg})
	_, digest := f.image("app", "v1", "{}", layer)
	lacks := func(what string, path string, want bool) {
		t.Helper()
		if path != "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.store.Startable(t.Context(), "app", digest); (err != nil) != want {
			t.Errorf("without %s: %v", what, err)
		}
	}
	lacks("nothing", "", false)
	if _, err := f.store.Unpack(t.Context(), "app", digest); err != nil {
		t.Fatal(err)
	}
	lacks("a layer that is unpacked", f.file(sha(layer)), false)
	lacks("its configuration", f.file(sha([]byte("{}"))), true)

	f = serve(t, registry.Options{})
	_, digest = f.image("app", "v1", "{}", layer)
	lacks("a layer", f.file(sha(layer)), true)
	lacks("its manifest", f.file(digest), true)
	if err := f.store.Startable(t.Context(), "other", digest); err == nil {
		t.Error("another repository has it")
	}
}
