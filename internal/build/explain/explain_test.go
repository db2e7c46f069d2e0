package explain_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/explain"
	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/sbom"
	"github.com/davit-dev/davit/internal/source"
)

// picture is an image of a test.
type picture struct {
	layers [][]layer.Entry
	env    []string
	arch   string
}

func (p picture) image(tb testing.TB) v1.Image {
	tb.Helper()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64" + p.arch, Config: v1.Config{Env: p.env}, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	for i, entries := range p.layers {
		var archive bytes.Buffer
		if err := layer.WriteTar(&archive, entries); err != nil {
			tb.Fatal(err)
		}
		image = appendLayer(tb, image, archive.Bytes(), fmt.Sprintf("step %d", i+1))
	}
	return image
}

func appendLayer(tb testing.TB, image v1.Image, archive []byte, by string) v1.Image {
	tb.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil })
	if err != nil {
		tb.Fatal(err)
	}
	image, err = mutate.Append(image, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: by}})
	if err != nil {
		tb.Fatal(err)
	}
	return image
}

func describe(tb testing.TB, image v1.Image) explain.Description {
	tb.Helper()
	d, err := explain.Describe(tb.Context(), image)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func lines(differences []explain.Difference) string {
	var text strings.Builder
	for _, d := range differences {
		fmt.Fprintln(&text, d)
	}
	return text.String()
}

func file(name, content string) layer.Entry { return layer.File(name, []byte(content)) }

func TestExplain(t *testing.T) {
	plain := picture{layers: [][]layer.Entry{{file("etc/a", "one"), file("etc/b", "two")}, {file("app/x", "x")}}, env: []string{"A=1"}}
	changed := plain
	for name, c := range map[string]struct {
		change func(*picture)
		want   []string // what is said, in this order
	}{
		"nothing":      {func(*picture) {}, nil},
		"content":      {func(p *picture) { p.layers[1] = []layer.Entry{file("app/x", "y")} }, []string{"file /app/x: layer 2, file 0644 0:0, 1 bytes, sha256 2d711642b726 → layer 2, file 0644 0:0, 1 bytes, sha256 a1fce4363854"}},
		"added":        {func(p *picture) { p.layers[1] = []layer.Entry{file("app/x", "x"), file("app/z", "")} }, []string{"file /app/z: only in the second: layer 2,"}},
		"removed":      {func(p *picture) { p.layers[1] = append(p.layers[1], layer.Whiteout("etc/a")) }, []string{"file /etc/a: only in the first: layer 1,"}},
		"mode":         {func(p *picture) { e := file("app/x", "x"); e.Mode = 0o4755; p.layers[1] = []layer.Entry{e} }, []string{"0644 0:0, 1 bytes", "4755 0:0"}},
		"owner":        {func(p *picture) { e := file("app/x", "x"); e.UID = 5; p.layers[1] = []layer.Entry{e} }, []string{"file /app/x:", "5:0"}},
		"link":         {func(p *picture) { p.layers[1] = []layer.Entry{layer.Symlink("app/x", "/etc/b")} }, []string{"link to /etc/b"}},
		"order":        {func(p *picture) { p.layers[0] = []layer.Entry{file("etc/b", "two"), file("etc/a", "one")} }, []string{"layer 1: other order or headers of the same files"}},
		"env":          {func(p *picture) { p.env = []string{"A=1", "B=2"} }, []string{`config config.Env[1]: only in the second: "B=2"`}},
		"platform":     {func(p *picture) { p.arch = "x" }, []string{"platform: linux/amd64 → linux/amd64x"}},
		"layers":       {func(p *picture) { p.layers = append(p.layers, []layer.Entry{file("app/x", "x")}) }, []string{"layer: 2 layers → 3 layers"}},
		"causes first": {func(p *picture) { p.env = nil; p.arch = "x"; p.layers[1] = nil }, []string{"platform:", "config config.Env", "file /app/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			changed = plain
			changed.layers = append([][]layer.Entry(nil), plain.layers...)
			changed.layers[1] = append([]layer.Entry(nil), plain.layers[1]...)
			c.change(&changed)
			got := lines(explain.Explain(describe(t, plain.image(t)), describe(t, changed.image(t))))
			if len(c.want) == 0 && got != "" {
				t.Errorf("of the same image:\n%s", got)
			}
			rest := got
			for _, want := range c.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("no %q in its place in\n%s", want, got)
				}
				rest = after
			}
		})
	}
}

func TestLayersAreReadAsTheyLieOverEachOther(t *testing.T) {
	d := describe(t, picture{layers: [][]layer.Entry{
		{layer.Folder("d", 0o755, 0), file("d/gone", "1"), file("d/stays", "2"), layer.Folder("e", 0o755, 0), file("e/gone", "3"), file("f", "old")},
		{layer.Whiteout("d/gone"), file("e/early", "5"), file("e/.wh..wh..opq", ""), file("e/new", "4"), file("f", "new")},
	}}.image(t))
	for path, want := range map[string]int{"/d": 0, "/d/stays": 0, "/e": 0, "/e/early": 1, "/e/new": 1, "/f": 1} {
		if f, found := d.Files[path]; !found || f.Layer != want {
			t.Errorf("%s: %v of layer %d, want %d", path, found, f.Layer, want)
		}
	}
	if len(d.Files) != 6 || len(d.Layers) != 2 || d.Layers[1].CreatedBy != "step 2" {
		t.Errorf("%d files, layers %v", len(d.Files), d.Layers)
	}
}

// programs are made by the real go command: what it writes into them is what
// there is to explain.
type programs struct {
	t   *testing.T
	dir string
	env []string
}

func newPrograms(t *testing.T) programs {
	t.Helper()
	p := programs{t: t, dir: t.TempDir()}
	env, err := source.GoEnv()
	if err != nil {
		t.Fatal(err)
	}
	p.env = append(env, "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOPROXY=off", "GOWORK=off")
	p.write("main.go", "package main\n\nimport \"example.com/dep\"\n\nfunc main() { println(dep.Name) }\n")
	p.module("one")
	for _, dep := range []string{"one", "two"} {
		p.write(dep+"/go.mod", "module example.com/dep\n\ngo 1.26\n")
		p.write(dep+"/dep.go", "package dep\n\nconst Name = \""+dep+"\"\n")
	}
	return p
}

func (p programs) module(dep string) {
	p.write("go.mod", "module example.com/shop\n\ngo 1.26\n\nrequire example.com/dep v1.0.0\n\nreplace example.com/dep => ./"+dep+"\n")
}

func (p programs) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// build returns an image with the program.
func (p programs) build(args ...string) explain.Description {
	p.t.Helper()
	out := filepath.Join(p.t.TempDir(), "shop")
	cmd := exec.CommandContext(p.t.Context(), "go", append([]string{"build", "-buildvcs=false", "-trimpath", "-o", out}, append(args, ".")...)...)
	cmd.Dir, cmd.Env = p.dir, p.env
	if text, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, text)
	}
	entry, err := layer.OnDisk("app/shop", out, 0o755)
	if err != nil {
		p.t.Fatal(err)
	}
	return describe(p.t, picture{layers: [][]layer.Entry{{entry}}}.image(p.t))
}

func TestExplainSaysWhatGoKnows(t *testing.T) {
	p := newPrograms(t)
	before := p.build()
	expect := func(after explain.Description, want ...string) {
		t.Helper()
		got := lines(explain.Explain(before, after))
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("no %q in\n%s", w, got)
			}
		}
	}
	if again := p.build(); again.Digest != before.Digest {
		t.Fatal("two builds of the same differ")
	}
	expect(p.build("-tags=fast"), "setting /app/shop -tags: only in the second: fast", "file /app/shop:")
	p.module("two")
	expect(p.build(), "module /app/shop example.com/dep: v1.0.0 => ./one → v1.0.0 => ./two")
	p.module("one")
	p.write("main.go", "package main\n\nimport \"example.com/dep\"\n\nfunc main() { println(dep.Name, 1) }\n")
	expect(p.build(), "source /app/shop: built from other text", "same Go, modules and recorded settings")
}

func host(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// publish pushes an image with its provenance.
func publish(t *testing.T, ref string, image v1.Image, key attest.Key, change func(*sbom.Facts)) {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
	subject, err := partial.Descriptor(image)
	if err != nil {
		t.Fatal(err)
	}
	facts := sbom.Facts{
		Name: tag.Context().Name(), Digest: subject.Digest.String(), Toolchain: "go1.26.8", Builder: "v1",
		Parameters: []byte(`{"ldflags":["-s"]}`), Base: sbom.Base{Name: "static"},
		Source: sbom.Source{Revision: strings.Repeat("a", 40), Tree: "sha256:" + strings.Repeat("a", 64)},
	}
	change(&facts)
	statement, err := attest.Provenance(facts)
	if err != nil {
		t.Fatal(err)
	}
	artifact, err := key.Attest(statement)
	if err != nil {
		t.Fatal(err)
	}
	if err := attest.Attach(t.Context(), tag.Context(), *subject, []attest.Artifact{artifact}); err != nil {
		t.Fatal(err)
	}
}

func TestExplainUsesTheProvenanceThatTheKeySigned(t *testing.T) {
	key, err := attest.GenerateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := attest.GenerateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	repo := host(t) + "/shop"
	publish(t, repo+":a", picture{env: []string{"A=1"}}.image(t), key, func(*sbom.Facts) {})
	publish(t, repo+":b", picture{env: []string{"A=2"}}.image(t), key, func(f *sbom.Facts) {
		f.Parameters = []byte(`{"ldflags":["-w"]}`)
		f.Base = sbom.Base{Name: "alpine", Digest: "sha256:" + strings.Repeat("b", 64)}
		f.Source.Dirty = true
		f.Toolchain = "go1.26.9"
	})
	load := func(ref string, by attest.Key) explain.Description {
		t.Helper()
		public := by.Public()
		d, err := explain.Load(t.Context(), ref, explain.Options{Key: &public})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	got := lines(explain.Explain(load(repo+":a", key), load(repo+":b", key)))
	for _, want := range []string{
		"toolchain: go1.26.8 → go1.26.9\n", `parameter ldflags[0]: "-s" → "-w"`, "source: aaaa", "with changes", "base: static → alpine@sha256:bbbb",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if d := load(repo+":a", stranger); d.Provenance != nil {
		t.Error("a provenance that another key signed is believed")
	}
}

func TestDescribeIsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := explain.Describe(ctx, picture{layers: [][]layer.Entry{{file("a", "a")}}}.image(t))
	if err == nil {
		t.Error("it went on")
	}
}
