package build_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/source"
)

// module writes a module of testdata into dir.
func module(t *testing.T, name, dir string) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func builder(t *testing.T, cfg build.Config, opts build.Options) *build.Builder {
	t.Helper()
	if opts.Cache == "" {
		opts.Cache = t.TempDir()
	}
	b, err := build.New(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// one builds the module in dir, whose only main package it is.
func one(ctx context.Context, b *build.Builder, dir string) (*build.Image, error) {
	load := func(ctx context.Context) (source.Tree, error) { return source.Load(ctx, dir) }
	images, err := b.Build(ctx, dir, nil, false, load)
	if err != nil {
		return nil, err
	}
	return images[0], nil
}

func buildIn(t *testing.T, b *build.Builder, dir string) *build.Image {
	t.Helper()
	image, err := one(t.Context(), b, dir)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// file is what an image holds at one path.
type file struct {
	tar.Header
	content []byte
}

// files reads an image back, as whoever unpacks it does.
func files(t *testing.T, image *build.Image) map[string]file {
	t.Helper()
	unpacked := mutate.Extract(image.Parts()[0].Image)
	defer unpacked.Close()
	all := map[string]file{}
	for r := tar.NewReader(unpacked); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[header.Name] = file{*header, content}
	}
}

// run executes the image's program in a root of its own. Without the right to
// do so the test is skipped.
func run(t *testing.T, image *build.Image, env ...string) map[string]any {
	t.Helper()
	root := t.TempDir()
	all := files(t, image)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.Join(root, name)
		if all[name].Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			if name == "tmp" {
				_ = os.Chmod(path, 0o777|os.ModeSticky)
			}
			continue
		}
		if err := os.WriteFile(path, all[name].content, os.FileMode(all[name].Mode)&os.ModePerm); err != nil {
			t.Fatal(err)
		}
	}
	config, err := image.Parts()[0].Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(image.Entrypoint(), config.Config.Cmd...)
	cmd.Dir, cmd.Env = config.Config.WorkingDir, append(config.Config.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65532, Gid: 65532}
	} else {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.Output()
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("no right to start a program in a root of its own: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return said
}

func TestStaticHoldsWhatAProgramNeeds(t *testing.T) {
	cfg := build.DefaultConfig()
	cfg.Args = []string{"one", "two words"}
	cfg.ImageEnv = map[string]string{"VARIABLE": "value", "A": "1"}
	cfg.Ldflags = []string{"-s", "-X main.Version=v7"}
	cfg.Workdir = "/data/in"
	image := buildIn(t, builder(t, cfg, build.Options{}), module(t, "report", t.TempDir()))
	said := run(t, image, "TZ=Europe/Berlin")
	for key, want := range map[string]any{
		"Version": "v7", "Variable": "value", "Dir": "/data/in", "User": "nonroot", "Home": "/home/nonroot",
		"Tokyo": "2026-07-01T21:00:00+09:00", "Local": "2026-07-01T14:00:00+02:00",
		"Roots": true, "Temp": true, "Problems": nil,
	} {
		if said[key] != want {
			t.Errorf("%s: %v, want %v", key, said[key], want)
		}
	}
	if args, _ := json.Marshal(said["Args"]); string(args) != `["one","two words"]` {
		t.Errorf("args %s", args)
	}
}

func TestScratchHoldsTheProgramAlone(t *testing.T) {
	cfg := build.DefaultConfig()
	cfg.Base, cfg.Path = build.BaseScratch, "/bin/report"
	cfg.Allow = []string{"no-timezones", "no-ca-roots"}
	image := buildIn(t, builder(t, cfg, build.Options{}), module(t, "report", t.TempDir()))
	if names := slices.Sorted(maps.Keys(files(t, image))); !slices.Equal(names, []string{"bin", "bin/report"}) {
		t.Errorf("files %q", names)
	}
	if image.Entrypoint() != "/bin/report" || image.Name() != "report" {
		t.Errorf("entrypoint %s, name %s", image.Entrypoint(), image.Name())
	}
	said := run(t, image)
	if said["Tokyo"] != "" || said["Roots"] != false || said["Temp"] != false {
		t.Errorf("found on scratch: %v", said)
	}
}

func TestImageSaysWhatWasConfigured(t *testing.T) {
	cfg := build.DefaultConfig()
	cfg.Args = []string{"--port=8080"}
	cfg.ImageEnv = map[string]string{"B": "2", "A": "1"}
	cfg.Expose = []string{"8080", "53/udp"}
	cfg.Labels = map[string]string{"team": "orders"}
	cfg.User = "nonroot"
	cfg.Allow = []string{"low-port"}
	image := buildIn(t, builder(t, cfg, build.Options{}), module(t, "hello", t.TempDir()))
	if err := validate.Image(image.Parts()[0].Image); err != nil {
		t.Error(err)
	}
	raw, err := image.Parts()[0].Image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := `{"Cmd":["--port=8080"],"Entrypoint":["/app/hello"],"Env":["A=1","B=2"],` +
		`"ExposedPorts":{"53/udp":{},"8080/tcp":{}},"Labels":{"team":"orders"},"User":"65532","WorkingDir":"/"}`
	if config, _ := json.Marshal(got["config"]); string(config) != want {
		t.Errorf("config %s\nwant   %s", config, want)
	}
	if got["created"] != "1970-01-01T00:00:00Z" || got["os"] != "linux" || got["architecture"] != "amd64" {
		t.Errorf("%s", raw)
	}
	manifest, err := image.Parts()[0].Image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.MediaType != types.OCIManifestSchema1 || manifest.Config.MediaType != types.OCIConfigJSON ||
		len(manifest.Layers) != 2 || manifest.Layers[0].MediaType != types.OCILayer || len(manifest.Annotations) != 0 {
		t.Errorf("manifest %+v", manifest)
	}
	size := manifest.Config.Size + manifest.Layers[0].Size + manifest.Layers[1].Size
	if image.Size() != size {
		t.Errorf("size %d, want %d", image.Size(), size)
	}
}

// The promise that everything else rests on: one tree, one digest.
func TestSameTreeSameDigest(t *testing.T) {
	first := module(t, "report", t.TempDir())
	cache := t.TempDir()
	b := builder(t, build.DefaultConfig(), build.Options{Cache: cache})
	want := buildIn(t, b, first)
	t.Run("warm cache", func(t *testing.T) {
		if got := buildIn(t, b, first); got.Digest() != want.Digest() {
			t.Errorf("%s, want %s", got.Digest(), want.Digest())
		}
	})
	t.Run("other folder, other cache, one core", func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		t.Setenv("GOMAXPROCS", "1")
		t.Setenv("GOFLAGS", "-ldflags=-X=main.Version=ambient")
		t.Setenv("GOAMD64", "v3")
		other := module(t, "report", filepath.Join(t.TempDir(), "a longer path", "than the other"))
		if got := buildIn(t, builder(t, build.DefaultConfig(), build.Options{}), other); got.Digest() != want.Digest() {
			t.Errorf("%s, want %s", got.Digest(), want.Digest())
		}
	})
	t.Run("commits", func(t *testing.T) {
		for _, readme := range []string{"# report\n", "# report\n<!-- a comment -->\n"} {
			if err := os.WriteFile(filepath.Join(first, "README.md"), []byte(readme), 0o644); err != nil {
				t.Fatal(err)
			}
			commit(t, first)
			if got := buildIn(t, b, first); got.Digest() != want.Digest() {
				t.Errorf("%s, want %s", got.Digest(), want.Digest())
			}
		}
	})
	t.Run("another program", func(t *testing.T) {
		path := filepath.Join(first, "cmd", "report", "main.go")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte("Asia/Tokyo"), []byte("Asia/Seoul"), 1), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := buildIn(t, b, first); got.Digest() == want.Digest() {
			t.Error("the digest stayed")
		}
	})
}

func commit(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "."},
		{"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--allow-empty", "-m", "change"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

func TestNothingOfThisMachineIsInTheImage(t *testing.T) {
	dir := module(t, "hello", t.TempDir())
	commit(t, dir)
	cache := t.TempDir()
	image := buildIn(t, builder(t, build.DefaultConfig(), build.Options{Cache: cache}), dir)
	revision, err := exec.Command("git", "-C", dir, "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.Parts()[0].Image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	program := files(t, image)["app/hello"]
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{dir, cache, strings.TrimSpace(string(goroot)), strings.TrimSpace(string(revision)), "vcs.time"} {
		if secret == "" || bytes.Contains(program.content, []byte(secret)) || bytes.Contains(config, []byte(secret)) {
			t.Errorf("the image holds %q", secret)
		}
	}
}

func TestFilesOfTheImage(t *testing.T) {
	image := buildIn(t, builder(t, build.DefaultConfig(), build.Options{}), module(t, "hello", t.TempDir()))
	all := files(t, image)
	for name, want := range map[string]struct {
		mode  int64
		owner int
		kind  byte
	}{
		"app": {0o755, 0, tar.TypeDir}, "app/hello": {0o755, 0, tar.TypeReg},
		"tmp": {0o1777, 0, tar.TypeDir}, "home/nonroot": {0o700, 65532, tar.TypeDir}, "root": {0o700, 0, tar.TypeDir},
		"etc/passwd": {0o644, 0, tar.TypeReg}, "etc/ssl/certs/ca-certificates.crt": {0o644, 0, tar.TypeReg},
		"usr/share/zoneinfo/Europe/Berlin": {0o644, 0, tar.TypeReg}, "etc/os-release": {0o644, 0, tar.TypeReg},
	} {
		got, found := all[name]
		if !found || got.Mode != want.mode || got.Uid != want.owner || got.Gid != want.owner || got.Typeflag != want.kind {
			t.Errorf("%s: there %v, mode %o, owner %d:%d, kind %c", name, found, got.Mode, got.Uid, got.Gid, got.Typeflag)
		}
	}
	for name, got := range all {
		if got.ModTime.Unix() != 0 || got.Uname != "" || got.Gname != "" || strings.HasPrefix(name, ".") {
			t.Errorf("%s: %v, %q, %q", name, got.ModTime, got.Uname, got.Gname)
		}
	}
}
