package registry_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/davit-dev/davit/internal/registry"
)

func TestImagesArePushedAtOnceAndPulled(t *testing.T) {
	f := serve(t, registry.Options{})
	image, err := random.Image(4096, 3)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(f.host + "/team/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 { // the same image at the same time: all succeed
		group.Go(func() {
			if err := remote.Write(ref, image, remote.WithAuth(&authn.Basic{Username: "davit", Password: password})); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	pulled, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pulled); err != nil {
		t.Error(err)
	}
	other, err := name.ParseReference(f.host + "/team/app:v2")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(other, image, remote.WithAuth(authn.Anonymous)); err == nil {
		t.Error("it was pushed without the password")
	}
}

func TestReliability05AFlippedBitIsNeverServed(t *testing.T) {
	f := serve(t, registry.Options{})
	layer := bytes.Repeat([]byte("content "), 100_000)
	_, digest := f.image("app", "v1", `{}`, layer)
	f.flip(sha(layer))
	resp, err := http.Get("http://" + f.host + "/v2/app/blobs/" + sha(layer))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("wrong content was served as if it were whole")
	}
	if _, err := f.store.Unpack(t.Context(), "app", digest); err == nil {
		t.Error("a damaged layer was unpacked")
	}
	f.flip(digest)
	if _, err := f.store.Manifest(t.Context(), "app", digest); err == nil {
		t.Error("a damaged manifest was read")
	}
}

func TestArtifactsComeBackAsTheyWere(t *testing.T) {
	f := serve(t, registry.Options{})
	_, subject := f.image("app", "v1", `{}`, []byte("layer"))
	target := registry.Remote{URL: "http://" + f.host, Repository: "app", Username: "davit", Password: password}
	want := registry.Artifact{Type: "application/vnd.example.plan", Subject: subject, Layers: []registry.ArtifactLayer{
		{MediaType: "application/json", Data: []byte(`{"a":1}`)}, {MediaType: "text/plain", Data: []byte("two")},
	}}
	digest, err := target.PushArtifact(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.store.Artifact(t.Context(), "app", digest)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v", got, err)
	}
	target.Password = "wrong"
	if _, err := target.PushArtifact(t.Context(), want); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("with a wrong password: %v", err)
	}
}

// archive makes a layer; files hold their own name.
func archive(tb testing.TB, headers ...tar.Header) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content = h.Name
			h.Size = int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func TestLayersAreUnpackedOverEachOther(t *testing.T) {
	f := serve(t, registry.Options{})
	_, digest := f.image("app", "v1", `{"config":{"Entrypoint":["/run"],"Env":["A=b"],"User":"65532","WorkingDir":"/w"}}`,
		archive(t,
			tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
			tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg},
			tar.Header{Name: "gone", Typeflag: tar.TypeReg},
			tar.Header{Name: "dir/inner", Typeflag: tar.TypeReg},
			tar.Header{Name: "/absolute", Typeflag: tar.TypeReg, Mode: 0o4755},
		),
		archive(t,
			tar.Header{Name: ".wh.gone", Typeflag: tar.TypeReg},
			tar.Header{Name: "dir/.wh..wh..opq", Typeflag: tar.TypeReg},
			tar.Header{Name: "dir/new", Typeflag: tar.TypeReg},
			tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "etc/passwd"},
			tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "etc/passwd"},
		))
	image, err := f.store.Unpack(t.Context(), "app", digest)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"etc/passwd": true, "gone": false, "dir/inner": false, "dir/new": true, "link": true, "hard": true, "absolute": true,
	} {
		if _, err := os.Stat(filepath.Join(image.Root, path)); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if info, err := os.Stat(filepath.Join(image.Root, "absolute")); err != nil || info.Mode() != 0o755 {
		t.Errorf("set-ID bits were kept: %v, %v", info.Mode(), err)
	}
	if got := fmt.Sprintf("%v %v %v %v", image.Entrypoint, image.Env, image.User, image.WorkingDir); got != "[/run] [A=b] 65532 /w" {
		t.Errorf("got %s", got)
	}
	again, err := f.store.Unpack(t.Context(), "app", digest)
	if err != nil || again.Root != image.Root {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestReliability19HostileLayersAreRefused(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for what, layer := range map[string][]byte{
		"parent": archive(t, tar.Header{Name: "../outside", Typeflag: tar.TypeReg}),
		"through a link": archive(t,
			tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: filepath.Dir(outside)},
			tar.Header{Name: "l/outside", Typeflag: tar.TypeReg}),
		"hard link": archive(t, tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}),
		"device":    archive(t, tar.Header{Name: "d", Typeflag: tar.TypeChar}),
		"pipe":      archive(t, tar.Header{Name: "p", Typeflag: tar.TypeFifo}),
		"garbage":   bytes.Repeat([]byte("garbage "), 1000),
	} {
		t.Run(what, func(t *testing.T) {
			f := serve(t, registry.Options{})
			_, digest := f.image("app", "v1", `{}`, layer)
			if image, err := f.store.Unpack(t.Context(), "app", digest); err == nil {
				t.Errorf("it was unpacked to %s", image.Root)
			}
			if _, err := os.Stat(outside); err == nil {
				t.Error("something was written outside")
			}
			if left, err := os.ReadDir(filepath.Join(f.dir, "roots")); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestBoundsOfAnImage(t *testing.T) {
	f := serve(t, registry.Options{MaxEntries: 2, MaxBytes: 10})
	for what, layer := range map[string][]byte{
		"entries": archive(t, tar.Header{Name: "a", Typeflag: tar.TypeReg}, tar.Header{Name: "b", Typeflag: tar.TypeReg}, tar.Header{Name: "c", Typeflag: tar.TypeReg}),
		"bytes":   archive(t, tar.Header{Name: "a-name-that-is-too-long", Typeflag: tar.TypeReg}),
	} {
		_, digest := f.image("app", what, `{}`, layer)
		if _, err := f.store.Unpack(t.Context(), "app", digest); err == nil {
			t.Errorf("too many %s were unpacked", what)
		}
	}
}

func FuzzUnpackStaysInside(f *testing.F) {
	f.Add(archive(f, tar.Header{Name: "a/b", Typeflag: tar.TypeReg}, tar.Header{Name: "../c", Typeflag: tar.TypeReg}))
	f.Add(archive(f, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/"}, tar.Header{Name: "l/x", Typeflag: tar.TypeReg}))
	f.Fuzz(func(t *testing.T, layer []byte) {
		x := serve(t, registry.Options{})
		_, digest := x.image("app", "v1", `{}`, layer)
		before := beside(t, x.dir)
		if _, err := x.store.Unpack(t.Context(), "app", digest); err != nil {
			t.Log(err) // may be refused, must not reach out
		}
		if after := beside(t, x.dir); after != before {
			t.Errorf("outside were %s, now %s", before, after)
		}
	})
}

// beside lists what lies next to a folder.
func beside(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(entries)
}

func FuzzManifestComesBack(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2}`))
	f.Add([]byte(`{"mediaType":"` + imageType + `","config":{"digest":"sha256:12"}}`))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		x := serve(t, registry.Options{})
		a := x.do("PUT", "/v2/app/manifests/v1", manifest, "Content-Type", imageType)
		switch {
		case a.StatusCode >= http.StatusInternalServerError:
			t.Errorf("%s %s", a.Status, a.body)
		case a.StatusCode == http.StatusCreated:
			if got := x.do("GET", "/v2/app/manifests/v1", nil); !bytes.Equal(got.body, manifest) {
				t.Errorf("pushed %q, pulled %q", manifest, got.body)
			}
		}
	})
}
