package base_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/davit-dev/davit/internal/build/base"
)

// counting is a registry that counts what it is asked.
type counting struct {
	address  string
	requests atomic.Int64
}

func serve(t *testing.T) *counting {
	t.Helper()
	c := &counting{}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c.address = strings.TrimPrefix(server.URL, "http://")
	return c
}

// image makes an image with files; a name that ends in "@" is a link to its text.
func image(t *testing.T, arch string, files map[string]string) v1.Image {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, text := range files {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}
		if link, found := strings.CutSuffix(name, "@"); found {
			header.Name, header.Typeflag, header.Linkname, header.Size, text = link, tar.TypeSymlink, text, 0, ""
		}
		if strings.HasSuffix(name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := archive.Bytes()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		t.Fatal(err)
	}
	made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers"}})
	if err == nil {
		made, err = mutate.AppendLayers(made, l)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func push(t *testing.T, ref string, what remote.Taggable) string {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(tag, what)
	case v1.ImageIndex:
		err = remote.WriteIndex(tag, what)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func index(t *testing.T) v1.ImageIndex {
	t.Helper()
	made := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		made = mutate.AppendManifests(made, mutate.IndexAddendum{
			Add: image(t, arch, alpine(arch)), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return made
}

func alpine(arch string) map[string]string {
	return map[string]string{
		"bin/": "", "bin/busybox": arch, "bin/sh@": "/bin/busybox", "lib/": "", "lib/ld-musl-x86_64.so.1": "x",
		"etc/": "", "etc/os-release": "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n",
		"lib/apk/db/installed": "C:Q1x\nP:musl\nV:1.2.5-r0\nA:x86_64\n\nP:busybox\nV:1.36.1-r29\nA:x86_64\nF:bin\nR:busybox\n\n",
	}
}

var amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}

func resolver(t *testing.T, o base.Options) *base.Resolver {
	t.Helper()
	if o.Cache == "" {
		o.Cache = t.TempDir()
	}
	r, err := base.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func find(t *testing.T, r *base.Resolver, ref string, p v1.Platform) v1.Image {
	t.Helper()
	found, err := r.Image(t.Context(), ref, p)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestLockedAndCachedNeedsNoNetwork: what was found once is found again without a
// registry, whatever became of the tag.
func TestLockedAndCachedNeedsNoNetwork(t *testing.T) {
	server, cache := serve(t), t.TempDir()
	ref := push(t, server.address+"/alpine:3.20", index(t))
	first := resolver(t, base.Options{Cache: cache})
	want, err := find(t, first, ref, amd64).Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(find(t, first, ref, amd64)); err != nil { // which fetches the layers
		t.Error(err)
	}
	lock, changed := first.Locked()
	if !changed || lock.Images[ref].Platforms["linux/amd64"] != want.String() {
		t.Fatalf("the lock is %s", lock.Print())
	}
	push(t, ref, image(t, "amd64", map[string]string{"other": "x"}))
	before := server.requests.Load()
	second := resolver(t, base.Options{Cache: cache, Lock: lock})
	again := find(t, second, ref, amd64)
	if err := validate.Image(again); err != nil {
		t.Error(err)
	}
	if got, _ := again.Digest(); got != want {
		t.Errorf("the image is %s, not %s", got, want)
	}
	if asked := server.requests.Load() - before; asked != 0 {
		t.Errorf("the registry was asked %d times", asked)
	}
	if _, changed := second.Locked(); changed {
		t.Error("the lock changed")
	}
	// A new platform is that of the locked index, not of the tag.
	if _, err := second.Image(t.Context(), ref, v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}); err != nil {
		t.Error(err)
	}
}

func TestUpdateFollowsTheTag(t *testing.T) {
	server := serve(t)
	ref := push(t, server.address+"/alpine:3", index(t))
	r := resolver(t, base.Options{})
	find(t, r, ref, amd64)
	lock, _ := r.Locked()
	r = resolver(t, base.Options{Lock: lock})
	if _, changes, err := r.Update(t.Context(), []string{ref}, []v1.Platform{amd64}); err != nil || len(changes) != 0 {
		t.Errorf("changes %v, %v", changes, err)
	}
	push(t, ref, image(t, "amd64", map[string]string{"other": "x"}))
	updated, changes, err := r.Update(t.Context(), []string{ref}, []v1.Platform{amd64})
	if err != nil || len(changes) != 1 || changes[0].From != lock.Images[ref].Digest || updated.Images[ref].Digest != changes[0].To {
		t.Errorf("changes %v, %v", changes, err)
	}
}

func TestDamageHeals(t *testing.T) {
	server, cache := serve(t), t.TempDir()
	ref := push(t, server.address+"/alpine:3", image(t, "amd64", alpine("x")))
	r := resolver(t, base.Options{Cache: cache})
	if err := validate.Image(find(t, r, ref, amd64)); err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob(filepath.Join(cache, "blobs", "*"))
	if err != nil || len(blobs) != 3 {
		t.Fatalf("%v, %v", blobs, err)
	}
	for _, blob := range blobs {
		info, err := os.Stat(blob)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(blob, bytes.Repeat([]byte("x"), int(info.Size())), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := validate.Image(find(t, r, ref, amd64)); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func TestWhatIsNoBaseIsRefused(t *testing.T) {
	server := serve(t)
	several := push(t, server.address+"/several:1", index(t))
	arm := push(t, server.address+"/arm:1", image(t, "arm64", alpine("x")))
	artifact := push(t, server.address+"/artifact:1", mutate.ConfigMediaType(image(t, "amd64", nil), "application/x"))
	for ref, want := range map[string]string{
		several:                    "only for linux/amd64, linux/arm64",
		arm:                        "it is an image for linux/arm64",
		artifact:                   "an artifact of type application/x",
		server.address + "/none:1": "NAME_UNKNOWN",
		"Bad Ref":                  "is not the reference of an image",
	} {
		p := amd64
		if ref == several {
			p.Architecture = "s390x"
		}
		if _, err := resolver(t, base.Options{}).Image(t.Context(), ref, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", ref, err, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	debian := map[string]string{
		"usr/": "", "usr/lib/": "", "lib@": "usr/lib", "lib64@": "usr/lib64", "usr/lib64/ld-linux-x86-64.so.2@": "../lib/x/ld.so",
		"usr/lib/x/libc.so.6": "", "etc/ssl/certs/ca-certificates.crt": "x", "usr/share/zoneinfo/UTC": "x",
		"etc/os-release@": "../usr/lib/os-release", "usr/lib/os-release": "ID=debian\nVERSION_ID=\"12\"\n",
		"var/lib/dpkg/status.d/tzdata":         "Package: tzdata\nVersion: 2025b-0+deb12u2\nArchitecture: all\n",
		"var/lib/dpkg/status.d/tzdata.md5sums": "abc  usr/share/zoneinfo/UTC\n",
		"var/lib/dpkg/status":                  "Package: gone\nVersion: 1\nStatus: deinstall ok config-files\n\nPackage: libc6\nStatus: install ok installed\nVersion: 2.36\n",
	}
	r := resolver(t, base.Options{})
	for range 2 { // read, and kept
		got, err := r.Describe(t.Context(), image(t, "amd64", debian))
		if err != nil {
			t.Fatal(err)
		}
		if got.OS != "debian" || got.OSVersion != "12" || !got.HasCA || !got.HasZones || got.HasShell ||
			!slices.Contains(got.Loaders, "/lib64/ld-linux-x86-64.so.2") || !slices.Contains(got.Libraries, "/lib/x/libc.so.6") ||
			len(got.Packages) != 2 || got.Packages[0].Name != "libc6" || got.Packages[1].Version != "2025b-0+deb12u2" {
			t.Errorf("debian: %+v", got)
		}
	}
	got, err := r.Describe(t.Context(), image(t, "amd64", alpine("x")))
	if err != nil || got.OS != "alpine" || got.HasCA || !got.HasShell || len(got.Packages) != 2 ||
		!slices.Equal(got.Loaders, []string{"/lib/ld-musl-x86_64.so.1"}) {
		t.Errorf("alpine: %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := resolver(t, base.Options{}).Describe(ctx, image(t, "amd64", alpine("x"))); err == nil {
		t.Error("a canceled look went on")
	}
}

func TestLockIsReadStrictly(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for text, want := range map[string]string{
		"version: 2\n":                              "is not known to this davit",
		"":                                          "",
		"version: 1\ngo: latest\n":                  `davit.lock:2:5: "latest" is not a Go toolchain`,
		"version: 1\nimage: {}\n":                   `davit.lock:2:1: unknown key "image"`,
		"version: 1\nimages: []\n":                  "davit.lock:2:9: keys with values are needed",
		"version: 1\nimages: {a: {digest: x}}":      `"x" is not a digest`,
		"version: 1\nimages: {a: {}}":               "a has no digest",
		"version: 1\nimages: {A: {digest: DIGEST}}": `"A" is not a reference`,
		"version: 1\nimages: {a: {digest: DIGEST, platforms: {x: DIGEST}}}": `"x" is not a platform`,
		"version: 1\nversion: 1\n":                  "is there twice",
		"version: 1\nimages: {a: {digest: DIGEST}}": "",
	} {
		_, err := base.ParseLock([]byte(strings.ReplaceAll(text, "DIGEST", digest)))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// FuzzLock: what is read is printed as what was read.
func FuzzLock(f *testing.F) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	f.Add([]byte("version: 1\ngo: go1.26.8\nimages:\n  alpine:3.20:\n    digest: " + digest + "\n    platforms:\n      linux/arm/v7: " + digest + "\n"))
	f.Add([]byte("version: 1\nimages: {\"a@" + digest + "\": {digest: '" + digest + "'}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lock, err := base.ParseLock(data)
		if err != nil {
			return
		}
		again, err := base.ParseLock(lock.Print())
		if err != nil || !bytes.Equal(again.Print(), lock.Print()) {
			t.Errorf("%q is printed as %q, which is read as %+v, %v", data, lock.Print(), again, err)
		}
	})
}

// FuzzPackages: no list of packages is read as one without name or version.
func FuzzPackages(f *testing.F) {
	f.Add([]byte("P:musl\nV:1\n\nP:x\n"))
	f.Add([]byte("Package: a\nVersion: 1\n more\nStatus: install ok installed\n\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range append(base.ParseAPK(data), base.ParseDpkg(data)...) {
			if p.Name == "" || p.Version == "" || strings.ContainsAny(p.Name+p.Version, "\n\r") {
				t.Errorf("%q: %+v", data, p)
			}
		}
	})
}
