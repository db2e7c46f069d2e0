package build_test

import (
	"context"
	"debug/elf"
	"maps"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/source"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func images(t *testing.T, b *build.Builder, dir string, each bool, wanted ...string) []*build.Image {
	t.Helper()
	load := func(ctx context.Context) (source.Tree, error) { return source.Load(ctx, dir) }
	made, err := b.Build(t.Context(), dir, wanted, each, load)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestSeveralPlatformsAreAnIndex(t *testing.T) {
	cfg := build.DefaultConfig()
	cfg.Platforms = []string{"linux/arm64", "linux/amd64", "linux/arm/v7"}
	image := images(t, builder(t, cfg, build.Options{}), module(t, "hello", t.TempDir()), false)[0]
	if err := validate.Index(image.Index()); err != nil {
		t.Error(err)
	}
	manifest, err := image.Index().IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range manifest.Manifests {
		got = append(got, m.Platform.String())
	}
	if want := []string{"linux/arm64", "linux/amd64", "linux/arm/v7"}; !slices.Equal(got, want) {
		t.Errorf("platforms %v, want %v", got, want)
	}
	machines := map[string]elf.Machine{"arm64": elf.EM_AARCH64, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM}
	for _, part := range image.Parts() {
		program, err := elf.Open(part.Binaries[0].File)
		if err != nil {
			t.Fatal(err)
		}
		if program.Machine != machines[part.Platform.Architecture] {
			t.Errorf("%s is a program for %s", part.Platform, program.Machine)
		}
		_ = program.Close()
		config, err := part.Image.ConfigFile()
		if err != nil || config.Architecture != part.Platform.Architecture || config.Variant != part.Platform.Variant {
			t.Errorf("%s says %s/%s, %v", part.Platform, config.Architecture, config.Variant, err)
		}
	}
}

func TestSeveralProgramsInOneImage(t *testing.T) {
	image := images(t, builder(t, build.DefaultConfig(), build.Options{}), module(t, "tools", t.TempDir()), false, "migrate", "server")[0]
	all := files(t, image)
	if image.Entrypoint() != "/app/migrate" || len(all["app/migrate"].content) == 0 || len(all["app/server"].content) == 0 {
		t.Errorf("entrypoint %s, files %v", image.Entrypoint(), slices.Sorted(maps.Keys(all))[:5])
	}
}

func TestAnImageForEachProgram(t *testing.T) {
	dir, cache := module(t, "tools", t.TempDir()), t.TempDir()
	made := images(t, builder(t, build.DefaultConfig(), build.Options{Cache: cache}), dir, true, "./...")
	var names []string
	for _, image := range made {
		names = append(names, image.Name()+" "+image.Parts()[0].Binaries[0].Package)
	}
	want := []string{"server example.com/tools/admin/server", "migrate example.com/tools/migrate", "server example.com/tools/server"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if made[0].Digest() == made[2].Digest() {
		t.Error("two programs of one name are the same")
	}
	alone := images(t, builder(t, build.DefaultConfig(), build.Options{Cache: cache}), dir, true, "server")
	if alone[0].Digest() != made[2].Digest() {
		t.Error("built alone a program becomes another image")
	}
}

func TestFilesOfTheTree(t *testing.T) {
	cfg := build.DefaultConfig()
	cfg.Files = map[string]string{"ui": "/srv/ui", "LICENSE": "/LICENSE"}
	cfg.Capabilities = []string{"net_bind_service"}
	image := images(t, builder(t, cfg, build.Options{}), module(t, "tools", t.TempDir()), false, "server")[0]
	all := files(t, image)
	if string(all["srv/ui/js/app.js"].content) != "1\n" || string(all["LICENSE"].content) != "none\n" {
		t.Errorf("files %v", slices.Sorted(maps.Keys(all))[:5])
	}
	if got := all["app/server"].PAXRecords["SCHILY.xattr.security.capability"]; got != "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" {
		t.Errorf("capabilities %q", got)
	}
	cfg.Files = map[string]string{"none": "/x"}
	b := builder(t, cfg, build.Options{})
	dir := module(t, "tools", t.TempDir())
	load := func(ctx context.Context) (source.Tree, error) { return source.Load(ctx, dir) }
	if _, err := b.Build(t.Context(), dir, []string{"server"}, false, load); err == nil || !strings.Contains(err.Error(), "build.files.none") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestTheProberAnswersAndWaits(t *testing.T) {
	cfg := build.DefaultConfig()
	cfg.Prober, cfg.Compression, cfg.Annotations = true, "zstd", map[string]string{"a": "b"}
	dir := module(t, "hello", t.TempDir())
	second := quantity.Duration(1e9)
	image := images(t, builder(t, cfg, build.Options{
		Prober: func(v1.Platform, string) (string, error) { return dir + "/main.go", nil },
		Probe:  build.Probe{Path: "/healthz", Port: 8080, Interval: 5 * second, Timeout: second, Start: 30 * second, Failures: 3, Wait: []string{"tcp://127.0.0.1:5432"}},
	}), dir, false)[0].Parts()[0].Image
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(config.Config.Entrypoint, " "), "/davit-prober --wait tcp://127.0.0.1:5432 --for 30s -- /app/hello"; got != want {
		t.Errorf("entrypoint %s, want %s", got, want)
	}
	if got, want := strings.Join(config.Config.Healthcheck.Test, " "), "CMD /davit-prober --timeout 1s http://127.0.0.1:8080/healthz"; got != want {
		t.Errorf("health check %s, want %s", got, want)
	}
	manifest, err := image.Manifest()
	if err != nil || manifest.Layers[0].MediaType != types.OCILayerZStd || manifest.Annotations["a"] != "b" {
		t.Errorf("manifest %+v, %v", manifest, err)
	}
}
