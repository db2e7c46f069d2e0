package workshop_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/sbom"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
	"github.com/davit-dev/davit/internal/workshop"
)

// TestCargoHasItsPapers: an image of a release has its bill of materials and its
// provenance beside it, and shipping it again writes nothing.
func TestCargoHasItsPapers(t *testing.T) {
	p := newPlace(t)
	p.write("davit.yaml", "build: {main: server}\n")
	var writes atomic.Int32
	target, err := url.Parse("http://" + p.registry)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); r.URL.Path != "/v2/" && (user != "davit" || password != "secret") {
			t.Errorf("%s %s as %s", r.Method, r.URL.Path, user)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			writes.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	repository := strings.TrimPrefix(front.URL, "http://") + "/tools"
	ship := func() string {
		t.Helper()
		tree, err := source.Load(t.Context(), p.dir)
		if err != nil {
			t.Fatal(err)
		}
		settings, err := config.Load(tree.Dir, tree.Module)
		if err != nil {
			t.Fatal(err)
		}
		cargo, err := workshop.Load(t.Context(), tree, settings, "test", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := cargo.Push(t.Context(), workshop.Destination{Repository: repository, User: "davit", Password: "secret"}); err != nil {
			t.Fatal(err)
		}
		return cargo.Digest()
	}
	first := ship()
	ref, err := name.NewDigest(p.registry + "/tools@" + first)
	if err != nil {
		t.Fatal(err)
	}
	bills, err := attest.Find(t.Context(), ref, sbom.SPDXMediaType)
	if err != nil || len(bills) != 1 {
		t.Fatalf("%d bills of materials, %v", len(bills), err)
	}
	if text, err := attest.Read(t.Context(), ref, bills[0]); err != nil || !strings.Contains(string(text), "example.com/tools") {
		t.Errorf("the bill of materials is %s, %v", text, err)
	}
	statements, err := attest.Statements(t.Context(), ref, attest.ProvenanceType, nil)
	if err != nil || len(statements) != 1 || !slices.ContainsFunc(statements[0].Subject, func(r attest.Resource) bool { return r.Name == "tools" }) {
		t.Errorf("provenance %+v, %v", statements, err)
	}
	if again, err := workshop.Reproduce(t.Context(), ref.String(), p.dir, "", nil); err != nil || !again.Same {
		t.Errorf("reproduced: %+v, %v", again, err)
	}
	if writes.Swap(0) == 0 {
		t.Error("nothing was written")
	}
	p.write("README.md", "not of the image\n")
	if second := ship(); second != first || writes.Load() != 0 {
		t.Errorf("shipped again, %s after %s with %d writes", second, first, writes.Load())
	}
}
