package registry_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/davit-dev/davit/internal/registry"
)

// private is a registry in TLS, where the password names acts and the repository
// that they are for: "pull,push,delete orders".
type private struct {
	*httptest.Server
	host string
}

func servePrivate(t *testing.T) private {
	t.Helper()
	store, err := registry.Open(t.TempDir(), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(registry.Private(store, func(_ *http.Request, password string) (registry.Guest, error) {
		may, repository, found := strings.Cut(password, " ")
		if !found {
			return nil, errors.New("nobody knows you")
		}
		return guest{may, repository}, nil
	}))
	t.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return private{server, strings.TrimPrefix(server.URL, "https://")}
}

type guest struct{ may, repository string }

func (g guest) Permit(act registry.Act, wanted string) error {
	acts := map[registry.Act]string{registry.Pull: "pull", registry.Push: "push", registry.Delete: "delete"}
	if wanted != g.repository || !strings.Contains(g.may, acts[act]) {
		return errors.New("this is not for you")
	}
	return nil
}

func (guest) Answer(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }

func (p private) as(password string) []remote.Option {
	return []remote.Option{
		remote.WithTransport(p.Client().Transport), remote.WithAuth(&authn.Basic{Username: "anybody", Password: password}),
	}
}

func (p private) image(t *testing.T, repository string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(p.host + "/" + repository + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func statusOf(err error) int {
	if refused, ok := errors.AsType[*transport.Error](err); ok {
		return refused.StatusCode
	}
	return 0
}

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPrivateAsksForEveryRepository(t *testing.T) {
	p := servePrivate(t)
	img, ref := randomImage(t), p.image(t, "orders")
	if err := remote.Write(ref, img, p.as("pull,push orders")...); err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]int{
		"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, "pull billing": http.StatusForbidden, "push orders": http.StatusForbidden,
		"pull orders": 0,
	} {
		if _, err := remote.Get(ref, p.as(password)...); statusOf(err) != want || (err == nil) != (want == 0) {
			t.Errorf("pull as %q: %v", password, err)
		}
	}
	for password, want := range map[string]int{"pull orders": http.StatusForbidden, "pull,push billing": http.StatusForbidden} {
		if err := remote.Write(ref, randomImage(t), p.as(password)...); statusOf(err) != want {
			t.Errorf("push as %q: %v", password, err)
		}
	}
	if err := remote.Delete(ref, p.as("pull,push orders")...); statusOf(err) != http.StatusForbidden {
		t.Errorf("delete without the right: %v", err)
	}
	if err := remote.Delete(ref, p.as("delete orders")...); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// request is one by hand, without any of the kindness of a client.
func (p private) request(t *testing.T, method, path, password string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		req.SetBasicAuth("", password)
	}
	res, err := p.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}

func TestPrivateTellsWhatItWants(t *testing.T) {
	p := servePrivate(t)
	for _, path := range []string{"/v2/", "/v2/orders/tags/list", "/v2/token"} {
		if res := p.request(t, http.MethodGet, path, ""); res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") != `Basic realm="davit"` {
			t.Errorf("%s: %s %v", path, res.Status, res.Header)
		}
	}
	if res := p.request(t, http.MethodGet, "/v2/", "pull orders"); res.StatusCode != http.StatusOK {
		t.Errorf("a login: %s", res.Status)
	}
}

// A blob of another repository is not to be had by mounting it, and an upload of
// one's own can be given up.
func TestPrivateMountsAndUploads(t *testing.T) {
	p := servePrivate(t)
	img := randomImage(t)
	if err := remote.Write(p.image(t, "secret"), img, p.as("pull,push secret")...); err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	mount := "/v2/orders/blobs/uploads/?mount=" + digest.String() + "&from=secret"
	if res := p.request(t, http.MethodPost, mount, "pull,push orders"); res.StatusCode != http.StatusForbidden {
		t.Errorf("mount: %s", res.Status)
	}
	for _, anywhere := range []string{"?mount=" + digest.String(), "?mount=" + digest.String() + "&from=", "?from=&mount=" + digest.String() + "&from=secret"} {
		if res := p.request(t, http.MethodPost, "/v2/orders/blobs/uploads/"+anywhere, "pull,push orders"); res.StatusCode != http.StatusAccepted {
			t.Errorf("mount from anywhere, %s: %s", anywhere, res.Status)
		}
	}
	if res := p.request(t, http.MethodGet, "/v2/orders/blobs/"+digest.String(), "pull,push orders"); res.StatusCode == http.StatusOK {
		t.Error("a blob of another repository is served")
	}
	begun := p.request(t, http.MethodPost, "/v2/orders/blobs/uploads/", "push orders")
	if begun.StatusCode != http.StatusAccepted {
		t.Fatalf("upload: %s", begun.Status)
	}
	at := begun.Header.Get("Location")
	if res := p.request(t, http.MethodDelete, at, "pull,delete orders"); res.StatusCode != http.StatusForbidden {
		t.Errorf("somebody else gives it up: %s", res.Status)
	}
	if res := p.request(t, http.MethodDelete, at, "push orders"); res.StatusCode != http.StatusNoContent {
		t.Errorf("giving it up: %s", res.Status)
	}
}
