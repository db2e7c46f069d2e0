package sink_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/sink"
)

// readLayout checks a layout with all in it, and returns what its index says.
func readLayout(tb testing.TB, dir string) []v1.Descriptor {
	tb.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		tb.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		tb.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		tb.Fatal(err)
	}
	return manifest.Manifests
}

// said returns "TAG DIGEST PLATFORM" of each entry.
func said(entries []v1.Descriptor) []string {
	var lines []string
	for _, e := range entries {
		line := e.Annotations["org.opencontainers.image.ref.name"] + " " + e.Digest.String()
		if e.Platform != nil {
			line += " " + e.Platform.String()
		}
		lines = append(lines, line)
	}
	return lines
}

func writeLayout(tb testing.TB, dir string, image sink.Image, refs ...string) {
	tb.Helper()
	var done, total int64
	err := sink.WriteLayout(tb.Context(), dir, image, names(tb, refs...), func(d, of int64) { done, total = d, of })
	if err != nil {
		tb.Fatal(err)
	}
	if done != total || total == 0 {
		tb.Errorf("%d of %d bytes", done, total)
	}
}

func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "layout")
	one, two := single(t, "one"), single(t, "two")
	arm := sink.Image{Image: imageOf(t, "arm", platform(t, "linux/arm64"))}
	many := several(t, "many", "linux/amd64", "linux/arm64")
	expect := func(want ...string) {
		t.Helper()
		if got := said(readLayout(t, dir)); !slices.Equal(got, want) {
			t.Fatalf("the layout holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	nameless := func(i sink.Image, platform string) string { return " " + digestOf(t, i) + " " + platform }
	writeLayout(t, dir, one)
	writeLayout(t, dir, one)
	expect(nameless(one, "linux/amd64"))
	writeLayout(t, dir, arm)
	writeLayout(t, dir, two) // in the place of one, which is for the same platform
	expect(nameless(arm, "linux/arm64"), nameless(two, "linux/amd64"))
	v1one := "v1 " + digestOf(t, one) + " linux/amd64"
	v1many, v2many := "v1 "+digestOf(t, many), "v2 "+digestOf(t, many)
	writeLayout(t, dir, one, "orders:v1")
	expect(nameless(arm, "linux/arm64"), nameless(two, "linux/amd64"), v1one)
	writeLayout(t, dir, many, "orders:v1", "orders:v2", "docker.io/library/orders:v1")
	expect(nameless(arm, "linux/arm64"), nameless(two, "linux/amd64"), v1many, v2many)
	// Another image may have the same tag.
	writeLayout(t, dir, one, "ghcr.io/team/billing:v1")
	expect(nameless(arm, "linux/arm64"), nameless(two, "linux/amd64"), v1many, v2many, v1one)
}

func TestLayoutLeavesOtherFilesAlone(t *testing.T) {
	one := single(t, "one")
	for file, content := range map[string]string{
		"index.json": "mine", "main.go": "package main", ".git": "gitdir: x",
		"oci-layout": `{"imageLayoutVersion":"2.0.0"}`, "blobs": "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		err := sink.WriteLayout(t.Context(), dir, one, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "empty or new") {
			t.Errorf("%s: %v", file, err)
		}
		if listed, _ := os.ReadDir(dir); len(listed) != 1 || readFile(t, filepath.Join(dir, file)) != content {
			t.Errorf("%s: the folder was changed", file)
		}
	}
	dir := filepath.Join(t.TempDir(), "layout")
	writeLayout(t, dir, one)
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := sink.WriteLayout(t.Context(), dir, one, nil, nil); err == nil || !strings.Contains(err.Error(), "not an image index") {
		t.Errorf("a damaged index: %v", err)
	}
	if err := sink.WriteLayout(t.Context(), filepath.Join(dir, "oci-layout"), one, nil, nil); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestLayoutHoldsNoDamagedLayer(t *testing.T) {
	cache := t.TempDir()
	made, _, err := layer.Cache{Dir: cache}.Layer(t.Context(), []layer.Entry{layer.File("content", []byte("whole"))}, layer.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	image := sink.Image{Image: withLayer(t, made, platform(t, "linux/amd64"))}
	damage(t, cache)
	dir := filepath.Join(t.TempDir(), "layout")
	if err := sink.WriteLayout(t.Context(), dir, image, nil, nil); err == nil || !strings.Contains(err.Error(), "damaged in the cache") {
		t.Fatalf("got %v", err)
	}
	if entries := readLayout(t, dir); len(entries) != 0 {
		t.Errorf("the layout names %q", said(entries))
	}
	// A layer that does not check itself is checked.
	lying := withLayer(t, lyingLayer{made}, platform(t, "linux/amd64"))
	if err := sink.WriteLayout(t.Context(), filepath.Join(t.TempDir(), "l"), sink.Image{Image: lying}, nil, nil); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("got %v", err)
	}
}

func TestWritersOfALayoutWaitForEachOther(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	var all sync.WaitGroup
	for i := range 8 {
		image := single(t, strconv.Itoa(i))
		refs := names(t, "orders:v"+strconv.Itoa(i))
		all.Go(func() {
			if err := sink.WriteLayout(t.Context(), dir, image, refs, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if entries := readLayout(t, dir); len(entries) != 8 {
		t.Errorf("the layout holds %d of 8 images", len(entries))
	}
}

func TestLayoutIsTidied(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	writeLayout(t, dir, single(t, "one"))
	for _, left := range []string{"blobs/sha256/.davit-1", ".index.json.1", ".oci-layout.1"} {
		if err := os.WriteFile(filepath.Join(dir, left), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	half := filepath.Join(dir, "blobs/sha256", strings.TrimPrefix(digestOf(t, single(t, "two")), "sha256:"))
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	writeLayout(t, dir, single(t, "two"))
	readLayout(t, dir)
	noneLeft(t, dir)
}

// noneLeft checks that there are no files of a writer that was killed.
func noneLeft(tb testing.TB, dir string) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), ".") {
			tb.Errorf("%s was left", path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// killed names the folder that a test writes into until it is killed.
const killed = "DAVIT_TEST_LAYOUT"

func TestWriteUntilKilled(t *testing.T) {
	dir := os.Getenv(killed)
	if dir == "" {
		t.Skip("this is the process that TestKilledWriterLeavesALayout kills")
	}
	for i := range 100000 {
		image := several(t, strings.Repeat(strconv.Itoa(i), 10000), "linux/amd64", "linux/arm64")
		if err := sink.WriteLayout(t.Context(), dir, image, names(t, "orders:v"+strconv.Itoa(i%3)), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKilledWriterLeavesALayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	for range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriteUntilKilled$")
		cmd.Env = append(os.Environ(), killed+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(30+rand.IntN(120)) * time.Millisecond) // at any time
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
			readLayout(t, dir)
		}
	}
	last := single(t, "last")
	writeLayout(t, dir, last, "orders:last")
	entries := readLayout(t, dir)
	if digest := entries[len(entries)-1].Digest.String(); digest != digestOf(t, last) {
		t.Errorf("the last entry is %s", digest)
	}
	noneLeft(t, dir)
}

func TestSkopeoReadsTheLayout(t *testing.T) {
	image := several(t, "many", "linux/amd64", "linux/arm64")
	dir := filepath.Join(t.TempDir(), "layout")
	writeLayout(t, dir, single(t, "other"), "orders:other")
	writeLayout(t, dir, image, "orders:v1")
	var index struct{ Manifests []v1.Descriptor }
	if err := json.Unmarshal([]byte(output(t, "skopeo", "inspect", "--raw", "oci:"+dir+":v1")), &index); err != nil || len(index.Manifests) != 2 {
		t.Errorf("skopeo reads %+v, %v", index, err)
	}
	// A copy reads every layer and compares it with its digests.
	output(t, "skopeo", "copy", "--insecure-policy", "--all", "oci:"+dir+":v1", "dir:"+filepath.Join(t.TempDir(), "copy"))
}
