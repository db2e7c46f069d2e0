package sink_test

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/build/sink"
)

func writeTarball(tb testing.TB, image sink.Image, refs ...string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "image.tar")
	var done, total int64
	if err := sink.WriteTarball(tb.Context(), file, image, names(tb, refs...), func(d, of int64) { done, total = d, of }); err != nil {
		tb.Fatal(err)
	}
	if done != total || total == 0 {
		tb.Errorf("%d of %d bytes", done, total)
	}
	return file
}

// As a folder, the tarball is a layout; as docker's, it holds the first platform.
func TestTarball(t *testing.T) {
	for _, image := range []sink.Image{single(t, "one"), several(t, "many", "linux/arm64", "linux/amd64")} {
		file := writeTarball(t, image, "orders:v1", "ghcr.io/team/orders:v2", "orders")
		dir := t.TempDir()
		output(t, "tar", "-C", dir, "-xf", file)
		var listed []string
		for _, line := range said(readLayout(t, dir)) {
			listed = append(listed, strings.Join(strings.Fields(line)[:2], " "))
		}
		want := "v1 " + digestOf(t, image) + ",v2 " + digestOf(t, image) + ",latest " + digestOf(t, image)
		if got := strings.Join(listed, ","); got != want {
			t.Errorf("the index holds %s, want %s", got, want)
		}
		first := image.Image
		if image.Index != nil {
			index, err := image.Index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			if first, err = image.Index.Image(index.Manifests[0].Digest); err != nil {
				t.Fatal(err)
			}
		}
		docker, err := tarball.ImageFromPath(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(docker); err != nil {
			t.Error(err)
		}
		got, _ := docker.ConfigName()
		if want, _ := first.ConfigName(); got != want {
			t.Errorf("docker's image is %s, want %s", got, want)
		}
	}
}

func TestTarballIsTheSameEachTime(t *testing.T) {
	image := several(t, "many", "linux/amd64", "linux/arm64")
	first := readFile(t, writeTarball(t, image, "orders:v1"))
	if second := readFile(t, writeTarball(t, image, "orders:v1")); first != second {
		t.Error("the second tarball differs")
	}
	// Nor does the time or the user show.
	for archive := tar.NewReader(strings.NewReader(first)); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.ModTime.Unix() != 0 || header.Uid != 0 || header.Uname != "" {
			t.Errorf("%+v", header)
		}
	}
}

func TestTarballAppearsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "image.tar")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	lying := withLayer(t, lyingLayer{firstLayer(t, single(t, "one"))}, platform(t, "linux/amd64"))
	if err := sink.WriteTarball(t.Context(), file, sink.Image{Image: lying}, nil, nil); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("got %v", err)
	}
	if listed, _ := os.ReadDir(dir); len(listed) != 1 || readFile(t, file) != "old" {
		t.Errorf("the folder holds %v", listed)
	}
	// What a link points to is replaced, not the link.
	link := filepath.Join(dir, "link.tar")
	if err := os.Symlink("image.tar", link); err != nil {
		t.Fatal(err)
	}
	if err := sink.WriteTarball(t.Context(), link, single(t, "one"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "image.tar" || len(readFile(t, file)) < 1024 {
		t.Errorf("%q, %v", to, err)
	}
	if err := sink.WriteTarball(t.Context(), dir, single(t, "one"), nil, nil); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("got %v", err)
	}
}

func TestSkopeoReadsTheTarball(t *testing.T) {
	image := several(t, "many", "linux/amd64", "linux/arm64")
	file := writeTarball(t, image, "orders:v1")
	raw := output(t, "skopeo", "inspect", "--raw", "oci-archive:"+file)
	if got, _, err := v1.SHA256(strings.NewReader(raw)); err != nil || got.String() != digestOf(t, image) {
		t.Errorf("skopeo reads %s, %v; want %s", raw, err, digestOf(t, image))
	}
	output(t, "skopeo", "copy", "--insecure-policy", "--all", "oci-archive:"+file, "dir:"+filepath.Join(t.TempDir(), "copy"))
	output(t, "skopeo", "copy", "--insecure-policy", "docker-archive:"+file, "dir:"+filepath.Join(t.TempDir(), "copy"))
}

func TestPodmanLoadsTheTarball(t *testing.T) {
	podmanStore(t)
	for _, image := range []sink.Image{single(t, "one"), several(t, "many", "linux/arm64", "linux/"+runtime.GOARCH)} {
		output(t, "podman", "load", "--quiet", "--input", writeTarball(t, image, "orders:v1"))
		got := output(t, "podman", "images", "--format", "{{.Repository}}:{{.Tag}}@{{.Digest}}")
		if want := "docker.io/library/orders:v1@" + digestOf(t, image); got != want {
			t.Errorf("podman has %q, want %q", got, want)
		}
		output(t, "podman", "rmi", "--all", "--force")
	}
}

// A layer goes through, whatever its size.
func TestNothingIsHeldInMemory(t *testing.T) {
	image := sink.Image{Image: withLayer(t, vast{}, platform(t, "linux/amd64"))}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if got := throughPipe(t, image); got < vastSize {
		t.Errorf("%d bytes came through the pipe", got)
	}
	s := serveBy(t, discarding{})
	if err := (sink.Pusher{}).Push(t.Context(), image, places(t, s.host+"/vast:v1")...); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d MiB were allocated for a layer of %d MiB", used>>20, vastSize>>20)
	}
}

// throughPipe writes a tarball into a named pipe, which must be written to as it
// is and not be replaced, and returns how many bytes came out.
func throughPipe(tb testing.TB, image sink.Image) int64 {
	tb.Helper()
	pipe := filepath.Join(tb.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		tb.Fatal(err)
	}
	// Opened for both, so that nobody waits when the writer never comes.
	f, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	read := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, f) // until it is closed
		read <- n
	}()
	if err := sink.WriteTarball(tb.Context(), pipe, image, nil, nil); err != nil {
		tb.Fatal(err)
	}
	if err := f.SetReadDeadline(time.Now().Add(time.Second / 2)); err != nil {
		tb.Fatal(err)
	}
	return <-read
}

func TestWriteRefs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "refs")
	ref := places(t, "ghcr.io/team/orders:v1")[0]
	if err := sink.WriteRefs(file, []string{ref.At(someDigest), "second"}); err != nil {
		t.Fatal(err)
	}
	if got, want := readFile(t, file), "ghcr.io/team/orders@"+someDigest+"\nsecond\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := sink.WriteRefs(filepath.Join(file, "x"), nil); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func firstLayer(tb testing.TB, image sink.Image) v1.Layer {
	tb.Helper()
	layers, err := image.Image.Layers()
	if err != nil {
		tb.Fatal(err)
	}
	return layers[0]
}
