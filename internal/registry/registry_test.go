package registry_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/registry"
)

const password = "opens sesame"

// fixture is a registry as a client sees it.
type fixture struct {
	t     testing.TB
	dir   string
	store *registry.Store
	host  string
}

func serve(tb testing.TB, opts registry.Options) *fixture {
	tb.Helper()
	return serveAt(tb, tb.TempDir(), opts)
}

func serveAt(tb testing.TB, dir string, opts registry.Options) *fixture {
	tb.Helper()
	store, err := registry.Open(dir, opts)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(registry.Handler(store, registry.Auth{Password: password}))
	tb.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &fixture{tb, dir, store, strings.TrimPrefix(server.URL, "http://")}
}

type answer struct {
	*http.Response
	body []byte
}

// code is the first error code of an answer.
func (a answer) code() string {
	var e struct {
		Errors []struct{ Code, Message string }
	}
	if json.Unmarshal(a.body, &e) != nil || len(e.Errors) == 0 || e.Errors[0].Message == "" {
		return ""
	}
	return e.Errors[0].Code
}

// do sends a request with the password; header is pairs.
func (f *fixture) do(method, path string, body []byte, header ...string) answer {
	f.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = "http://" + f.host + path
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, path, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.SetBasicAuth("anybody", password)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{resp, data}
}

// want sends a request and checks status and error code.
func (f *fixture) want(status int, code, method, path string, body []byte, header ...string) answer {
	f.t.Helper()
	a := f.do(method, path, body, header...)
	if a.StatusCode != status || a.code() != code {
		f.t.Fatalf("%s %s: %s %s; want %d %s", method, path, a.Status, a.body, status, code)
	}
	return a
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sha5(data []byte) string {
	sum := sha512.Sum512(data)
	return "sha512:" + hex.EncodeToString(sum[:])
}

// blob pushes a blob at once.
func (f *fixture) blob(repo string, data []byte) string {
	f.t.Helper()
	f.want(201, "", "POST", "/v2/"+repo+"/blobs/uploads/?digest="+sha(data), data)
	return sha(data)
}

const imageType = "application/vnd.oci.image.manifest.v1+json"

// file is where a digest's blob is.
func (f *fixture) file(digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return filepath.Join(f.dir, "blobs", algorithm, hex[:2], hex)
}

// flip changes one bit of a blob at rest.
func (f *fixture) flip(digest string) {
	f.t.Helper()
	data, err := os.ReadFile(f.file(digest))
	if err != nil {
		f.t.Fatal(err)
	}
	data[len(data)-1] ^= 4
	if err := os.WriteFile(f.file(digest), data, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// image pushes an image of layers and returns its manifest and digest.
func (f *fixture) image(repo, reference, config string, layers ...[]byte) (manifest []byte, digest string) {
	f.t.Helper()
	manifest = []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[`, imageType,
		descriptor("application/vnd.oci.image.config.v1+json", f.blob(repo, []byte(config)), len(config))))
	for i, layer := range layers {
		if i > 0 {
			manifest = append(manifest, ',')
		}
		manifest = append(manifest, descriptor("application/vnd.oci.image.layer.v1.tar", f.blob(repo, layer), len(layer))...)
	}
	manifest = append(manifest, "]}"...)
	if reference == "" {
		reference = sha(manifest)
	}
	f.want(201, "", "PUT", "/v2/"+repo+"/manifests/"+reference, manifest, "Content-Type", imageType)
	return manifest, sha(manifest)
}

func descriptor(mediaType, digest string, size int) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, digest, size)
}
