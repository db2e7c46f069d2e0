package attest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/sbom"
)

// facts are those of an image that somebody could have built.
func facts(digest string) sbom.Facts {
	return sbom.Facts{
		Name: "ghcr.io/team/orders", Digest: digest, Platforms: []string{"linux/amd64"}, Builder: "v0.3.0",
		Toolchain: "go1.26.8", Parameters: json.RawMessage(`{ "base": "alpine:3.20", "main": ["./cmd/orders"] }`),
		Base:   sbom.Base{Name: "alpine:3.20", Digest: "sha256:" + strings.Repeat("b", 64), OS: "alpine", OSVersion: "3.20.1"},
		Source: sbom.Source{Repository: "https://example.com/team/orders", Revision: strings.Repeat("c", 40), Dirty: true, Tree: "sha256:" + strings.Repeat("d", 64)},
		Pins:   []sbom.Pin{{Reference: "alpine:3.20", Platform: "linux/amd64", Digest: "sha256:" + strings.Repeat("e", 64)}},
		Binaries: []sbom.Binary{{Path: "/app/orders", SHA256: strings.Repeat("f", 64), Info: &debug.BuildInfo{
			GoVersion: "go1.26.8", Path: "example.com/team/orders/cmd/orders",
			Main: debug.Module{Path: "example.com/team/orders", Version: "(devel)"},
			Deps: []*debug.Module{
				{Path: "golang.org/x/mod", Version: "v0.42.0", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
				{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new", Version: "v2.0.0+incompatible"}},
				{Path: "example.com/local", Version: "v1.0.0", Replace: &debug.Module{Path: "../local"}},
			},
		}}},
	}
}

// store is a registry with an image in it.
type store struct {
	repo    name.Repository
	subject v1.Descriptor
	writes  *atomic.Int64 // of manifests
}

func (s store) image() name.Digest { return s.repo.Digest(s.subject.Digest.String()) }

// serve starts a registry, seen through wrap.
func serve(t *testing.T, referrers bool, wrap func(http.Handler) http.Handler) store {
	t.Helper()
	writes := new(atomic.Int64)
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(referrers))
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
			writes.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	repo, err := name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/team/orders")
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("v1"), image); err != nil {
		t.Fatal(err)
	}
	subject, err := partial.Descriptor(image)
	if err != nil {
		t.Fatal(err)
	}
	writes.Store(0)
	return store{repo: repo, subject: *subject, writes: writes}
}

func newKey(t *testing.T) attest.Key {
	t.Helper()
	key, err := attest.GenerateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func provenance(t *testing.T, digest string) attest.Statement {
	t.Helper()
	s, err := attest.Provenance(facts(digest))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAttachedIsFoundAndRead(t *testing.T) {
	for label, referrers := range map[string]bool{"referrers": true, "fallback tag": false} {
		t.Run(label, func(t *testing.T) {
			s := serve(t, referrers, nil)
			ctx := t.Context()
			documents := []attest.Artifact{
				attest.Document(sbom.SPDXMediaType, []byte(`{"a":1}`), map[string]string{"k": "v"}),
				attest.Document(sbom.CycloneDXMediaType, []byte(`{"b":2}`), nil),
			}
			for range 2 { // the second time changes nothing
				if err := attest.Attach(ctx, s.repo, s.subject, documents); err != nil {
					t.Fatal(err)
				}
			}
			all, err := attest.Find(ctx, s.image(), "")
			if err != nil || len(all) != 2 {
				t.Fatalf("found %v, %v", all, err)
			}
			found, err := attest.Find(ctx, s.image(), sbom.SPDXMediaType)
			if err != nil || len(found) != 1 || found[0].Annotations["k"] != "v" {
				t.Fatalf("found %v, %v", found, err)
			}
			data, err := attest.Read(ctx, s.image(), found[0])
			if err != nil || string(data) != `{"a":1}` {
				t.Errorf("read %s, %v", data, err)
			}
			tag := s.repo.Tag(strings.ReplaceAll(s.subject.Digest.String(), ":", "-"))
			if _, err := remote.Head(tag); (err == nil) == referrers {
				t.Errorf("fallback tag: %v", err)
			}
			manifest, err := remote.Get(s.repo.Digest(found[0].Digest.String()))
			if err != nil {
				t.Fatal(err)
			}
			var m v1.Manifest
			if err := json.Unmarshal(manifest.Manifest, &m); err != nil {
				t.Fatal(err)
			}
			if m.ArtifactType != sbom.SPDXMediaType || m.Subject.Digest != s.subject.Digest ||
				m.Config.MediaType != "application/vnd.oci.empty.v1+json" || string(m.Config.Data) != "{}" {
				t.Errorf("manifest %s", manifest.Manifest)
			}
		})
	}
}

// The index under the fallback tag is read, changed and written by everybody who
// attaches. A write of another client in between takes ours away.
func TestAttachWritesAgainWhatAnotherClientOverwrote(t *testing.T) {
	lost := 0
	s := serve(t, false, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256-") && lost == 0 {
				lost++
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusCreated)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	document := attest.Document("text/plain", []byte("x"), nil)
	if err := attest.Attach(t.Context(), s.repo, s.subject, []attest.Artifact{document}); err != nil {
		t.Fatal(err)
	}
	found, err := attest.Find(t.Context(), s.image(), "text/plain")
	if lost != 1 || err != nil || len(found) != 1 {
		t.Errorf("lost %d, found %v, %v", lost, found, err)
	}
}

func TestAttachSaysWhenTheRegistryForgets(t *testing.T) {
	s := serve(t, false, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256-") {
				w.WriteHeader(http.StatusCreated)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	err := attest.Attach(t.Context(), s.repo, s.subject, []attest.Artifact{attest.Document("text/plain", nil, nil)})
	if err == nil || !strings.Contains(err.Error(), "does not list it") {
		t.Errorf("error %v", err)
	}
}

func TestStatementsAreBelievedAsFarAsTheKeyGoes(t *testing.T) {
	s := serve(t, true, nil)
	ctx := t.Context()
	key, stranger := newKey(t), newKey(t)
	public, other := key.Public(), stranger.Public()
	made := provenance(t, s.subject.Digest.String())
	elsewhere := provenance(t, "sha256:"+strings.Repeat("0", 64))

	unsigned, err := made.Artifact()
	if err != nil {
		t.Fatal(err)
	}
	moved, err := key.Attest(elsewhere) // signed, but about another image
	if err != nil {
		t.Fatal(err)
	}
	attach := func(a attest.Artifact) {
		t.Helper()
		if err := attest.Attach(ctx, s.repo, s.subject, []attest.Artifact{a}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(key *attest.PublicKey, why string) {
		t.Helper()
		found, err := attest.Statements(ctx, s.image(), attest.ProvenanceType, key)
		if !errors.Is(err, attest.ErrNoStatement) || !strings.Contains(err.Error(), why) {
			t.Errorf("found %v, %v; want %s", found, err, why)
		}
	}
	refused(nil, "no such statement")
	attach(moved)
	refused(&public, "about another image")
	attach(unsigned)
	refused(&public, "nobody signed it")
	if found, err := attest.Statements(ctx, s.image(), attest.ProvenanceType, nil); err != nil || len(found) != 1 {
		t.Errorf("without a key: %v, %v", found, err)
	}
	signed, err := key.Attest(made)
	if err != nil {
		t.Fatal(err)
	}
	attach(signed)
	attach(attest.Document(attest.BundleType, []byte(`{"mediaType":1}`), nil)) // somebody else's, damaged
	refused(&other, attest.ErrSignature.Error())
	found, err := attest.Statements(ctx, s.image(), attest.ProvenanceType, &public)
	if err != nil || len(found) != 1 || !bytes.Equal(found[0].Predicate, made.Predicate) {
		t.Errorf("with the key: %v, %v", found, err)
	}
}

func TestSigningTwiceChangesNothing(t *testing.T) {
	s := serve(t, true, nil)
	key, another := newKey(t), newKey(t)
	tag := s.repo.Tag(strings.ReplaceAll(s.subject.Digest.String(), ":", "-") + ".sig")
	count := func() (v1.Hash, int) {
		image, err := remote.Image(tag)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		m, err := image.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		return digest, len(m.Layers)
	}
	sign := func(key attest.Key) {
		t.Helper()
		if err := attest.Sign(t.Context(), s.repo, s.subject, key); err != nil {
			t.Fatal(err)
		}
	}
	sign(key)
	first, n := count()
	sign(key)
	if again, m := count(); again != first || n != 1 || m != 1 {
		t.Errorf("%v with %d, then %v with %d signatures", first, n, again, m)
	}
	sign(another)
	if _, n := count(); n != 2 {
		t.Errorf("%d signatures of two keys", n)
	}
	found, err := attest.Find(t.Context(), s.image(), attest.BundleType)
	if err != nil || len(found) != 2 {
		t.Errorf("bundles %v, %v", found, err)
	}
}
