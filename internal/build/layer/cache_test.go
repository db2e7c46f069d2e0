package layer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// large returns entries of several compression blocks, in part compressible.
func large() []Entry {
	noise := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 4*blockSize+blockSize/3)
	for i := 0; i < len(data); i += 64 {
		_, _ = noise.Read(data[i:min(i+9, len(data))])
	}
	return []Entry{File("a", data), File("b", bytes.Repeat([]byte("davit "), 1000))}
}

func small() []Entry { return []Entry{File("a", []byte("content")), Folder("b", 0o755, 0)} }

func TestBytesDoNotDependOnTheNumberOfCores(t *testing.T) {
	for _, as := range []Compression{Gzip, Zstd} {
		var want []byte
		for _, cores := range []int{1, 4, 3} {
			before := runtime.GOMAXPROCS(cores)
			var out bytes.Buffer
			_, _, err := compress(t.Context(), &out, large(), as, nil)
			runtime.GOMAXPROCS(before)
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = out.Bytes()
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%s with %d cores: %d bytes that differ from those with one, %d", as, cores, out.Len(), len(want))
			}
		}
	}
}

func TestCacheReturnsWhatItMade(t *testing.T) {
	c := Cache{Dir: t.TempDir()}
	made, found, err := c.Layer(t.Context(), small(), Gzip)
	if err != nil || found {
		t.Fatalf("found %v, %v", found, err)
	}
	if err := validate.Layer(made); err != nil {
		t.Error(err)
	}
	again, found, err := c.Layer(t.Context(), small(), Gzip)
	if err != nil || !found || again != made {
		t.Errorf("found %v, %+v, %v; want %+v", found, again, err, made)
	}
	other, found, err := c.Layer(t.Context(), []Entry{File("c", nil)}, Gzip)
	if err != nil || found || other.described == made.described {
		t.Errorf("another: found %v, %v", found, err)
	}
}

// What a davit leaves that was killed at some point, or a disk that lost data.
func TestCacheMakesAgainWhatIsNotWhole(t *testing.T) {
	for name, harm := range map[string]func(c Cache, key string) error{
		"no description":        func(c Cache, key string) error { return os.Remove(c.description(key)) },
		"no layer":              func(c Cache, key string) error { return os.Remove(c.blob(key, Gzip)) },
		"cut layer":             func(c Cache, key string) error { return os.Truncate(c.blob(key, Gzip), 50) },
		"cut description":       func(c Cache, key string) error { return os.Truncate(c.description(key), 20) },
		"empty description":     func(c Cache, key string) error { return os.Truncate(c.description(key), 0) },
		"description of zeroes": func(c Cache, key string) error { return os.WriteFile(c.description(key), []byte(`{"size":0}`), 0o600) },
		"half a layer beside":   func(c Cache, key string) error { return os.WriteFile(c.blob(key, Gzip)+".1.tmp", []byte("x"), 0o600) },
	} {
		c := Cache{Dir: t.TempDir()}
		want, _, err := c.Layer(t.Context(), small(), Gzip)
		if err != nil {
			t.Fatal(err)
		}
		key, err := key(small(), Gzip)
		if err != nil {
			t.Fatal(err)
		}
		if err := harm(c, key); err != nil {
			t.Fatal(err)
		}
		got, _, err := c.Layer(t.Context(), small(), Gzip)
		if err != nil || got != want || validate.Layer(got) != nil {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

// Who got as many bytes as a layer has would take it for whole.
func TestADamagedLayerIsNeverReadToItsEnd(t *testing.T) {
	for name, harm := range map[string]func(path string, whole []byte) error{
		"a bit": func(path string, whole []byte) error {
			whole[len(whole)/2] ^= 1
			return os.WriteFile(path, whole, 0o600)
		},
		"cut":    func(path string, whole []byte) error { return os.WriteFile(path, whole[:len(whole)-1], 0o600) },
		"longer": func(path string, whole []byte) error { return os.WriteFile(path, append(whole, 0), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			made, _, err := Cache{Dir: t.TempDir()}.Layer(t.Context(), small(), Gzip)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(made.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := harm(made.path, whole); err != nil {
				t.Fatal(err)
			}
			blob, err := made.Compressed()
			if err != nil {
				t.Fatal(err)
			}
			defer blob.Close()
			got, err := io.ReadAll(blob)
			if err == nil || int64(len(got)) >= made.Bytes() {
				t.Errorf("%d of %d bytes, %v", len(got), made.Bytes(), err)
			}
			if _, err := os.Stat(made.path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it was not removed: %v", err)
			}
		})
	}
}

// failing accepts some bytes and no more, as a full disk does.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestAFailedLayerLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, as := range []Compression{Gzip, Zstd} {
		if _, _, err := compress(t.Context(), &failing{left: blockSize / 8}, large(), as, nil); err == nil {
			t.Errorf("%s: a full disk was not noticed", as)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := Cache{Dir: t.TempDir()}
	if _, _, err := c.Layer(ctx, large(), Gzip); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if left, _ := os.ReadDir(c.Dir); len(left) != 0 {
		t.Errorf("left in the cache: %v", left)
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines are left, %d were there", now, before)
	}
}

func TestSweepKeepsWhatIsUsed(t *testing.T) {
	c := Cache{Dir: t.TempDir()}
	used, unused := []Entry{File("used", nil)}, []Entry{File("unused", nil)}
	for _, entries := range [][]Entry{used, unused} {
		if _, _, err := c.Layer(t.Context(), entries, Gzip); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * UnusedAfter)
	files, _ := filepath.Glob(filepath.Join(c.Dir, "*"))
	for _, path := range files {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, found, err := c.Layer(t.Context(), used, Gzip); err != nil || !found {
		t.Fatalf("found %v, %v", found, err)
	}
	Sweep(c.Dir, time.Now().Add(-UnusedAfter))
	if _, found, _ := c.Layer(t.Context(), used, Gzip); !found {
		t.Error("what was used is gone")
	}
	if _, found, _ := c.Layer(t.Context(), unused, Gzip); found {
		t.Error("what nobody used is still there")
	}
}

func TestUncompressedIsTheArchive(t *testing.T) {
	var want bytes.Buffer
	if err := WriteTar(&want, small()); err != nil {
		t.Fatal(err)
	}
	for _, as := range []Compression{Gzip, Zstd} {
		l, _, err := Cache{Dir: t.TempDir()}.Layer(t.Context(), small(), as)
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: %d bytes, %v; want %d", as, len(got), err, want.Len())
		}
	}
}

// FuzzDescribed: a description that is accepted is written as what was read.
func FuzzDescribed(f *testing.F) {
	f.Add([]byte(`{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",` +
		`"diff_id":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1}`))
	f.Add([]byte(`{"digest":"sha256:00","diff_id":"md5:00","size":-1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDescribed(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseDescribed(text); err != nil || again != d {
			t.Errorf("%q: %+v, then %+v, %v", data, d, again, err)
		}
	})
}
