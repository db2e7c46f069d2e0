package sink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/sink"
	ours "github.com/davit-dev/davit/internal/registry"
)

// server is a registry that tells what it was asked, and can be made to fail.
type server struct {
	host string
	// meddle answers a request itself, or leaves it to the registry.
	meddle func(w http.ResponseWriter, r *http.Request) (answered bool)

	mu    sync.Mutex
	asked []string
}

func serve(tb testing.TB) *server {
	tb.Helper()
	return serveBy(tb, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
}

func serveBy(tb testing.TB, handler http.Handler) *server {
	tb.Helper()
	tb.Setenv("DOCKER_CONFIG", tb.TempDir())
	tb.Setenv("HOME", tb.TempDir())
	s := &server{}
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.String())
		s.mu.Unlock()
		if s.meddle == nil || !s.meddle(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	tb.Cleanup(listening.Close)
	s.host = strings.TrimPrefix(listening.URL, "http://")
	return s
}

// count tells how many requests of a method name something in their path or
// query, and forgets nothing.
func (s *server) count(method, in string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, request := range s.asked {
		if strings.HasPrefix(request, method+" ") && strings.Contains(request, in) {
			n++
		}
	}
	return n
}

func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = nil
}

func places(tb testing.TB, texts ...string) []sink.Reference {
	tb.Helper()
	var refs []sink.Reference
	for _, text := range texts {
		ref, err := sink.ParseReference(text)
		if err != nil {
			tb.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return refs
}

// pulled checks that an image can be had whole.
func pulled(tb testing.TB, from, digest string) {
	tb.Helper()
	ref, err := name.ParseReference(from)
	if err != nil {
		tb.Fatal(err)
	}
	got, err := remote.Get(ref)
	if err != nil {
		tb.Error(err)
		return
	}
	if got.Digest.String() != digest {
		tb.Errorf("%s is %s, want %s", from, got.Digest, digest)
	}
	if got.MediaType.IsIndex() {
		index, err := got.ImageIndex()
		if err == nil {
			err = validate.Index(index)
		}
		if err != nil {
			tb.Errorf("%s: %v", from, err)
		}
		return
	}
	image, err := got.Image()
	if err == nil {
		err = validate.Image(image)
	}
	if err != nil {
		tb.Errorf("%s: %v", from, err)
	}
}

func TestPush(t *testing.T) {
	s := serve(t)
	one := single(t, "one")
	digest := digestOf(t, one)
	for ref, from := range map[string]string{
		s.host + "/team/report:v1":                                     s.host + "/team/report:v1",
		s.host + "/team/report":                                        s.host + "/team/report@" + digest,
		s.host + "/other/report@" + digest:                             s.host + "/other/report@" + digest,
		s.host + "/third/report:v3@" + digest:                          s.host + "/third/report:v3",
		strings.Replace(s.host, "127.0.0.1", "localhost", 1) + "/x:v2": s.host + "/x:v2",
	} {
		if err := (sink.Pusher{}).Push(t.Context(), one, places(t, ref)...); err != nil {
			t.Fatal(err)
		}
		pulled(t, from, digest)
	}
}

func TestPushSendsWhatIsMissingOnce(t *testing.T) {
	s := serve(t)
	image := several(t, "many", "linux/amd64", "linux/arm64", "linux/arm/v7")
	refs := places(t, s.host+"/orders:v1", s.host+"/orders:latest")
	var done, total int64
	p := sink.Pusher{Progress: func(d, of int64) { done, total = d, of }}
	if err := p.Push(t.Context(), image, refs...); err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		pulled(t, ref.String(), digestOf(t, image))
	}
	if sent := s.count("PATCH", ""); sent != 6 { // a layer and a configuration for each platform
		t.Errorf("%d blobs were sent, want 6", sent)
	}
	if done != total || total == 0 {
		t.Errorf("%d of %d bytes at the end", done, total)
	}
	s.forget()
	if err := p.Push(t.Context(), image, refs...); err != nil {
		t.Fatal(err)
	}
	if again := s.count("POST", "") + s.count("PATCH", "") + s.count("PUT", ""); again != 0 || done != total {
		t.Errorf("the second time %d requests wrote; %d of %d bytes", again, done, total)
	}
	// Another tag is one manifest.
	s.forget()
	if err := p.Push(t.Context(), image, places(t, s.host+"/orders:v2")...); err != nil {
		t.Fatal(err)
	}
	if put, sent := s.count("PUT", ""), s.count("POST", ""); put != 1 || sent != 0 {
		t.Errorf("for another tag: %d PUT, %d POST", put, sent)
	}
}

func TestPushHasBlobsMounted(t *testing.T) {
	store, err := ours.Open(t.TempDir(), ours.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := serveBy(t, ours.Handler(store, ours.Auth{Password: "secret"}))
	p := sink.Pusher{User: "davit", Password: "secret"}
	base := single(t, "base")
	layers, err := base.Image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	from, err := name.NewRepository(s.host + "/base")
	if err != nil {
		t.Fatal(err)
	}
	base.Origins = map[v1.Hash]name.Repository{digest: from}
	if err := p.Push(t.Context(), base, places(t, s.host+"/base:v1", s.host+"/second:v1", s.host+"/second:v2")...); err != nil {
		t.Fatal(err)
	}
	pulled(t, s.host+"/second:v2", digestOf(t, base))
	if n := s.count("POST", "from=base&mount=sha256"); n != 2 {
		t.Errorf("%d of 2 blobs were asked for from the repository before", n)
	}
	s.forget()
	if err := p.Push(t.Context(), base, places(t, s.host+"/third:v1")...); err != nil {
		t.Fatal(err)
	}
	if n := s.count("POST", "from=base&mount="+strings.Replace(digest.String(), ":", "%3A", 1)); n != 1 || s.count("PATCH", "third") != 1 {
		t.Errorf("the layer of the base was asked for %d times", n)
	}
}

func TestPushRefuses(t *testing.T) {
	s := serve(t)
	one := single(t, "one")
	for why, refs := range map[string][]sink.Reference{
		"no place":             nil,
		"the image is sha256:": places(t, s.host+"/x@"+someDigest),
		"is not a place":       names(t, "orders:v1"),
		"are for one registry": places(t, s.host+"/x", "ghcr.io/team/x"),
	} {
		err := sink.Pusher{User: "a", Password: "b"}.Push(t.Context(), one, refs...)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
	}
	if err := (sink.Pusher{}).Push(t.Context(), sink.Image{}, places(t, s.host+"/x")...); err == nil {
		t.Error("nothing was pushed")
	}
	if n := s.count("", ""); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// basic lets in who knows the password.
func basic(user, password string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if u, p, _ := r.BasicAuth(); u == user && p == password {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return true
	}
}

func TestPushWithAPassword(t *testing.T) {
	s := serve(t)
	s.meddle = basic("davit", "secret")
	one := single(t, "one")
	ref := places(t, s.host+"/report:v1")
	if err := (sink.Pusher{User: "davit", Password: "secret"}).Push(t.Context(), one, ref...); err != nil {
		t.Error(err)
	}
	for _, p := range []sink.Pusher{{}, {User: "davit", Password: "wrong"}} {
		s.forget()
		err := p.Push(t.Context(), one, ref...)
		if err == nil || !strings.Contains(err.Error(), "docker login "+s.host) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%+v: %v", p, err)
		}
		if n := s.count("GET", "/v2/"); n > 2 {
			t.Errorf("a wrong password was tried %d times", n)
		}
	}
}

func TestPushAsDockerLoggedIn(t *testing.T) {
	s := serve(t)
	s.meddle = basic("davit", "secret")
	one := single(t, "one")
	ref := places(t, s.host+"/report:v1")
	config := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf(`{"auths":{%q:{"auth":"ZGF2aXQ6c2VjcmV0"}}}`, s.host)) // davit:secret
	if err := (sink.Pusher{}).Push(t.Context(), one, ref...); err != nil {
		t.Errorf("auths: %v", err)
	}
	// A helper is a program that is given a host and answers with a password.
	bin := t.TempDir()
	helper := "#!/bin/sh\nread host\n[ \"$host\" = " + s.host + " ] && echo '{\"Username\":\"davit\",\"Secret\":\"secret\"}'\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-davit-test"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	write(fmt.Sprintf(`{"credHelpers":{%q:"davit-test"}}`, s.host))
	err := (sink.Pusher{}).Push(t.Context(), one, ref...)
	if err == nil || !strings.Contains(err.Error(), "the credential helper") {
		t.Errorf("without the helper: %v", err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	if err := (sink.Pusher{}).Push(t.Context(), one, ref...); err != nil {
		t.Errorf("credHelpers: %v", err)
	}
}

// Not only the usual address of this machine is spoken to without TLS.
func TestPushToAnotherLoopbackAddress(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	listening := httptest.NewUnstartedServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	listening.Listener.Close()
	listening.Listener = listener
	listening.Start()
	t.Cleanup(listening.Close)
	if err := (sink.Pusher{}).Push(t.Context(), single(t, "one"), places(t, listener.Addr().String()+"/hello:v1")...); err != nil {
		t.Error(err)
	}
}

func TestPushNeverSendsADamagedLayer(t *testing.T) {
	s := serve(t)
	cache := t.TempDir()
	made, _, err := layer.Cache{Dir: cache}.Layer(t.Context(), []layer.Entry{layer.File("content", []byte("whole"))}, layer.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	image := sink.Image{Image: withLayer(t, made, platform(t, "linux/amd64"))}
	damage(t, cache)
	err = sink.Pusher{}.Hurried().Push(t.Context(), image, places(t, s.host+"/x:v1")...)
	if err == nil || !strings.Contains(err.Error(), "damaged in the cache") {
		t.Errorf("got %v", err)
	}
	if n := s.count("PUT", ""); n > 1 { // the configuration may be there
		t.Errorf("%d times something was stored", n)
	}
}

// damage flips a bit in the only layer of a cache.
func damage(tb testing.TB, cache string) {
	tb.Helper()
	layers, err := filepath.Glob(filepath.Join(cache, "*.tar.gz"))
	if err != nil || len(layers) != 1 {
		tb.Fatalf("%q, %v", layers, err)
	}
	data := []byte(readFile(tb, layers[0]))
	data[len(data)/2] ^= 1
	if err := os.WriteFile(layers[0], data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

func TestPushStopsWhenItIsTold(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body) // only then is it seen that the client is gone
		cancel(errors.New("enough"))
		<-r.Context().Done()
		return true
	}
	err := sink.Pusher{}.Push(ctx, single(t, "one"), places(t, s.host+"/x:v1")...)
	if err == nil || s.count("PUT", "manifests") != 0 {
		t.Errorf("got %v", err)
	}
}
