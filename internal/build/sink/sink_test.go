package sink_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/sink"
)

// imageOf makes an image of one file, with a layer of the real cache.
func imageOf(tb testing.TB, content string, platform v1.Platform) v1.Image {
	tb.Helper()
	made, _, err := layer.Cache{Dir: tb.TempDir()}.Layer(tb.Context(), []layer.Entry{layer.File("content", []byte(content))}, layer.Gzip)
	if err != nil {
		tb.Fatal(err)
	}
	return withLayer(tb, made, platform)
}

func withLayer(tb testing.TB, l v1.Layer, platform v1.Platform) v1.Image {
	tb.Helper()
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(image, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant,
		Config: v1.Config{Entrypoint: []string{"/content"}}, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	if image, err = mutate.AppendLayers(image, l); err != nil {
		tb.Fatal(err)
	}
	return image
}

func platform(tb testing.TB, text string) v1.Platform {
	tb.Helper()
	p, err := v1.ParsePlatform(text)
	if err != nil {
		tb.Fatal(err)
	}
	return *p
}

// single is an image for linux/amd64.
func single(tb testing.TB, content string) sink.Image {
	tb.Helper()
	return sink.Image{Image: imageOf(tb, content, platform(tb, "linux/amd64"))}
}

// several is an image for the platforms.
func several(tb testing.TB, content string, platforms ...string) sink.Image {
	tb.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, text := range platforms {
		p := platform(tb, text)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: imageOf(tb, content+" for "+text, p), Descriptor: v1.Descriptor{Platform: &p},
		})
	}
	return sink.Image{Index: index}
}

func digestOf(tb testing.TB, i sink.Image) string {
	tb.Helper()
	var of interface{ Digest() (v1.Hash, error) } = i.Image
	if i.Index != nil {
		of = i.Index
	}
	digest, err := of.Digest()
	if err != nil {
		tb.Fatal(err)
	}
	return digest.String()
}

func names(tb testing.TB, texts ...string) []sink.Reference {
	tb.Helper()
	var refs []sink.Reference
	for _, text := range texts {
		ref, err := sink.ParseName(text)
		if err != nil {
			tb.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return refs
}

// output runs a program of this machine and returns what it says.
func output(tb testing.TB, program string, args ...string) string {
	tb.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		tb.Skipf("%s is not on this machine", program)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(tb.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String())
}

// podmanStore has podman keep its images in a folder of the test.
func podmanStore(tb testing.TB) {
	tb.Helper()
	if _, err := exec.LookPath("podman"); err != nil {
		tb.Skip("podman is not on this machine")
	}
	dir := tb.TempDir()
	conf := dir + "/storage.conf"
	text := fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", dir+"/graph", dir+"/run")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Setenv("CONTAINERS_STORAGE_CONF", conf)
	tb.Setenv("CONTAINER_HOST", "") // puts back what was there
	if err := os.Unsetenv("CONTAINER_HOST"); err != nil {
		tb.Fatal(err)
	}
}

// shortDir returns a folder for sockets: the path of a test's own may be longer
// than they bear.
func shortDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "davit") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}
