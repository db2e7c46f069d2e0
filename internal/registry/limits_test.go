package registry_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/registry"
)

// stream hides how long a body is.
type stream struct{ io.Reader }

// TestReliability20BombsAreCut sends more than is taken, in every form: what is
// pushed is answered with 413, what grows when it is unpacked is cut there.
func TestReliability20BombsAreCut(t *testing.T) {
	f := serve(t, registry.Options{MaxBlob: 1 << 20, MaxBytes: 2 << 20})
	huge := make([]byte, 1<<20+1)
	f.want(413, "SIZE_INVALID", "POST", "/v2/app/blobs/uploads/?digest="+sha(huge), huge)
	place := "http://" + f.host + f.want(202, "", "POST", "/v2/app/blobs/uploads/", nil).Header.Get("Location")
	f.want(202, "", "PATCH", place, huge[:1<<19])
	f.want(413, "SIZE_INVALID", "PATCH", place, huge[:1<<19+1])
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", place, nil)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+f.host+"/v2/app/blobs/uploads/?digest="+sha(huge), stream{bytes.NewReader(huge)})
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("davit", password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("of unknown length: %s", resp.Status)
	}
	f.want(413, "SIZE_INVALID", "PUT", "/v2/app/manifests/x", bytes.Repeat([]byte(" "), 4<<20+1), "Content-Type", imageType)
	if left, err := os.ReadDir(filepath.Join(f.dir, "uploads")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	for what, bomb := range map[string][]byte{
		"content": bombOf(t, tar.Header{Name: "zeros", Typeflag: tar.TypeReg, Size: 6 << 20}, 6<<20),
		"promise": bombOf(t, tar.Header{Name: "zeros", Typeflag: tar.TypeReg, Size: 1 << 40}, 0),
		"skipped": bombOf(t, tar.Header{Name: ".wh.zeros", Typeflag: tar.TypeReg, Size: 6 << 20}, 6<<20),
	} {
		if len(bomb) > 1<<20 {
			t.Fatalf("%s: %d bytes are no bomb", what, len(bomb))
		}
		_, digest := f.image("app", "", `{"what":"`+what+`"}`, bomb)
		if _, err := f.store.Unpack(t.Context(), "app", digest); err == nil {
			t.Errorf("%s: it was unpacked", what)
		}
		if left, err := os.ReadDir(filepath.Join(f.dir, "roots")); err != nil || len(left) != 0 {
			t.Errorf("%s: left behind: %v, %v", what, left, err)
		}
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// bombOf makes a compressed archive of one file, of which only some bytes are there.
func bombOf(t *testing.T, h tar.Header, there int64) []byte {
	t.Helper()
	var head bytes.Buffer
	h.Mode = 0o644
	if err := tar.NewWriter(&head).WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	return squeeze(t, io.MultiReader(&head, io.LimitReader(zeros{}, there+1024)))
}

func squeeze(t *testing.T, from io.Reader) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := io.Copy(z, from); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestReliability04TheDiskIsFull pushes more than there is room for, and then
// what there is room for.
func TestReliability04TheDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("only root can mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	f := serveAt(t, dir, registry.Options{})
	large := bytes.Repeat([]byte("x"), 8<<20)
	f.want(507, "UNKNOWN", "POST", "/v2/app/blobs/uploads/?digest="+sha(large), large)
	place := "http://" + f.host + f.want(202, "", "POST", "/v2/app/blobs/uploads/", nil).Header.Get("Location")
	f.want(507, "UNKNOWN", "PATCH", place, large)
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", place, nil)
	f.image("app", "v1", "{}", []byte("small")) // it recovers by itself
	f.want(404, "BLOB_UNKNOWN", "GET", "/v2/app/blobs/"+sha(large), nil)
}

// TestAFullDiskIsSaid is the same where nothing can be mounted.
func TestAFullDiskIsSaid(t *testing.T) {
	f := serve(t, registry.Options{})
	place := f.want(202, "", "POST", "/v2/app/blobs/uploads/", nil).Header.Get("Location")
	files, err := filepath.Glob(filepath.Join(f.dir, "uploads", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", files[0]); err != nil {
		t.Fatal(err)
	}
	f.want(507, "UNKNOWN", "PATCH", place, []byte("there is no room for it"))
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", place, nil)
	f.image("app", "v1", "{}", []byte("small"))
}

// TestBlobsAreNotHeldInMemory pushes and pulls a blob, and looks at what was
// allocated meanwhile.
func TestBlobsAreNotHeldInMemory(t *testing.T) {
	f := serve(t, registry.Options{})
	const size = 16 << 20
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(zeros{}, size)); err != nil {
		t.Fatal(err)
	}
	digest := "sha256:" + hex.EncodeToString(sum.Sum(nil))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+f.host+"/v2/app/blobs/uploads/?digest="+digest, stream{io.LimitReader(zeros{}, size)})
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("davit", password)
	pushed, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	pushed.Body.Close()
	pulled, err := http.Get("http://" + f.host + "/v2/app/blobs/" + digest)
	if err != nil {
		t.Fatal(err)
	}
	defer pulled.Body.Close()
	n, err := io.Copy(io.Discard, pulled.Body)
	if err != nil || n != size || pushed.StatusCode != http.StatusCreated {
		t.Fatalf("%s, then %d bytes, %v", pushed.Status, n, err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > size/4 {
		t.Errorf("%d bytes were allocated for a blob of %d", took, size)
	}
}

// silent is the connection of a client that sends nothing more.
type silent struct {
	recorder
	waits time.Duration // for the next bytes
}

func (s *silent) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		s.waits = time.Until(t)
	}
	return nil
}

func (s *silent) Read([]byte) (int, error) {
	if s.waits <= 0 {
		return 0, errors.New("it would wait for ever")
	}
	return 0, os.ErrDeadlineExceeded
}

func TestASilentClientDoesNotKeepItsUpload(t *testing.T) {
	f := serve(t, registry.Options{})
	place := f.want(202, "", "POST", "/v2/app/blobs/uploads/", nil).Header.Get("Location")
	w := &silent{recorder: recorder{header: http.Header{}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, place, w)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("davit", password)
	registry.Handler(f.store, registry.Auth{Password: password}).ServeHTTP(w, req)
	if w.status != http.StatusRequestTimeout || w.waits > 2*time.Minute {
		t.Errorf("status %d after %s", w.status, w.waits)
	}
	f.want(202, "", "PATCH", place, []byte("it goes on"))
}
