package build_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/davit-dev/davit/internal/build"
)

// scratchImage is one that costs little.
func scratchImage(t *testing.T, opts build.Options) *build.Image {
	t.Helper()
	cfg := build.DefaultConfig()
	cfg.Base = build.BaseScratch
	return buildIn(t, builder(t, cfg, opts), module(t, "hello", t.TempDir()))
}

// registryWith serves a registry that wants a password when there is one.
func registryWith(t *testing.T, password string) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, got, _ := r.BasicAuth(); got != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestPush(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	var last build.Event
	image := scratchImage(t, build.Options{Progress: func(e build.Event) { last = e }})
	host := registryWith(t, "")
	for ref, pulled := range map[string]string{
		host + "/team/report:v1":                                     host + "/team/report:v1",
		host + "/team/report":                                        host + "/team/report@" + image.Digest(),
		host + "/other/report@" + image.Digest():                     host + "/other/report@" + image.Digest(),
		strings.Replace(host, "127.0.0.1", "localhost", 1) + "/x:v2": host + "/x:v2",
	} {
		if err := image.Push(t.Context(), build.Target{Ref: ref}); err != nil {
			t.Fatal(err)
		}
		from, err := name.ParseReference(pulled)
		if err != nil {
			t.Fatal(err)
		}
		got, err := remote.Image(from)
		if err != nil {
			t.Fatal(err)
		}
		if digest, _ := got.Digest(); digest.String() != image.Digest() {
			t.Errorf("%s: digest %s, want %s", ref, digest, image.Digest())
		}
		if err := validate.Image(got); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if last.Step != build.Pushing || last.Subject == "" {
		t.Errorf("last event %+v", last)
	}
}

// Not only the usual address of this machine is spoken to without TLS.
func TestPushToAnotherLoopbackAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	server := httptest.NewUnstartedServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	image := scratchImage(t, build.Options{})
	if err := image.Push(t.Context(), build.Target{Ref: listener.Addr().String() + "/hello:v1"}); err != nil {
		t.Error(err)
	}
}

func TestPushWithAPassword(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	image := scratchImage(t, build.Options{})
	ref := registryWith(t, "secret") + "/report:v1"
	if err := image.Push(t.Context(), build.Target{Ref: ref, User: "davit", Password: "secret"}); err != nil {
		t.Error(err)
	}
	for _, target := range []build.Target{{Ref: ref}, {Ref: ref, User: "davit", Password: "wrong"}} {
		if err := image.Push(t.Context(), target); err == nil || !strings.Contains(err.Error(), ref) {
			t.Errorf("%+v: %v", target, err)
		}
	}
}

func TestPushRefuses(t *testing.T) {
	image := scratchImage(t, build.Options{})
	for _, ref := range []string{
		"", "report", "report:v1", "team/report:v1", "127.0.0.1:1/UPPER:v1", "http://127.0.0.1:1/x",
		"127.0.0.1:1/x@sha256:" + strings.Repeat("0", 64),
	} {
		if err := image.Push(t.Context(), build.Target{Ref: ref}); err == nil || !strings.Contains(err.Error(), "REGISTRY/REPOSITORY") {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestLayout(t *testing.T) {
	image := scratchImage(t, build.Options{})
	dir := filepath.Join(t.TempDir(), "layout")
	for range 2 { // the second time over the first
		if err := image.WriteLayout(dir); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Digest.String() != image.Digest() {
		t.Errorf("index %+v", manifest)
	}
}

func TestSkopeoReadsTheLayout(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not on this machine")
	}
	image := scratchImage(t, build.Options{})
	dir := filepath.Join(t.TempDir(), "layout")
	if err := image.WriteLayout(dir); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(skopeo, "inspect", "--format", "{{.Digest}} {{.Os}}/{{.Architecture}}", "oci:"+dir).CombinedOutput()
	if want := image.Digest() + " linux/amd64"; err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("skopeo says %q, %v; want %q", out, err, want)
	}
	// A copy reads every layer and compares it with its digests.
	out, err = exec.Command(skopeo, "copy", "--insecure-policy", "oci:"+dir, "dir:"+filepath.Join(t.TempDir(), "copy")).CombinedOutput()
	if err != nil {
		t.Errorf("skopeo copy: %v\n%s", err, out)
	}
}

func TestLayoutLeavesOtherFilesAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := scratchImage(t, build.Options{}).WriteLayout(dir); err == nil || !strings.Contains(err.Error(), "empty or new") {
		t.Errorf("got %v", err)
	}
}

func TestADamagedLayerIsNeverSent(t *testing.T) {
	cache := t.TempDir()
	image := scratchImage(t, build.Options{Cache: cache})
	layers, err := filepath.Glob(filepath.Join(cache, "layers", "*.tar.gz"))
	if err != nil || len(layers) != 1 {
		t.Fatalf("%q, %v", layers, err)
	}
	data, err := os.ReadFile(layers[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(layers[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := image.WriteLayout(dir); err == nil || !strings.Contains(err.Error(), "damaged in the cache") {
		t.Fatalf("got %v", err)
	}
	healed := scratchImage(t, build.Options{Cache: cache})
	if err := validate.Image(healed.V1()); err != nil || healed.Digest() != image.Digest() {
		t.Errorf("built again: %v", err)
	}
}
