package workshop_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/ko"
	"github.com/davit-dev/davit/internal/workshop"
)

// place is a registry and a module, with caches of their own.
type place struct {
	t        *testing.T
	registry string
	dir      string
}

func newPlace(t *testing.T) place {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	goCache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(goCache)))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	p := place{t, strings.TrimPrefix(server.URL, "http://"), t.TempDir()}
	p.write("go.mod", "module example.com/tools\n\ngo 1.26\n")
	p.write("server/main.go", "package main\n\nfunc main() { println(\"server\") }\n")
	p.write("migrate/main.go", "package main\n\nfunc main() { println(\"migrate\") }\n")
	t.Chdir(p.dir)
	return p
}

func (p place) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p place) build(o workshop.Order) []workshop.Built {
	p.t.Helper()
	built, err := workshop.Build(p.t.Context(), o)
	if err != nil {
		p.t.Fatal(err)
	}
	return built
}

func (p place) git(args ...string) {
	p.t.Helper()
	args = append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"}, args...)
	cmd := exec.CommandContext(p.t.Context(), "git", args...)
	cmd.Dir = p.dir
	if output, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, output)
	}
}

func TestSeveralPackagesAreSeveralImages(t *testing.T) {
	p := newPlace(t)
	refs := filepath.Join(t.TempDir(), "refs")
	built := p.build(workshop.Order{
		Targets: []string{"./server", "example.com/tools/migrate"}, Repo: p.registry + "/team", Push: true,
		ImageRefs: refs, SBOM: []string{"none"},
	})
	var names []string
	for _, b := range built {
		names = append(names, strings.TrimPrefix(b.Name, p.registry)+" "+b.Package)
		ref, err := name.ParseReference(b.References[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := remote.Head(ref); err != nil || !b.Pushed {
			t.Errorf("%s is not there: %v", ref, err)
		}
	}
	if want := []string{"/team/server example.com/tools/server", "/team/migrate example.com/tools/migrate"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	written, err := os.ReadFile(refs)
	if want := built[0].References[0] + "\n" + built[1].References[0] + "\n"; err != nil || string(written) != want {
		t.Errorf("references %q, %v; want %q", written, err, want)
	}
}

func TestReferencesFollowGit(t *testing.T) {
	p := newPlace(t)
	p.git("init", "-q")
	p.git("add", "-A")
	p.git("commit", "-qm", "all")
	p.git("tag", "v1.2.3")
	order := workshop.Order{Targets: []string{"./server"}, Repo: "registry.example/server", Tags: []string{"auto", "go{{.Go}}-{{.Version}}"}}
	got := p.build(order)[0]
	if got.Pushed || !strings.HasPrefix(got.References[0], "registry.example/server@sha256:") {
		t.Errorf("got %+v", got)
	}
	layout := filepath.Join(t.TempDir(), "layout")
	order.Layout = layout
	p.build(order)
	index, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil || !bytes.Contains(index, []byte("v1.2.3")) || !bytes.Contains(index, []byte("go1.26-v1.2.3")) {
		t.Errorf("the layout is %s, %v", index, err)
	}
}

// TestAttachedAndReproduced: what stands beside an image says enough to build it
// again, from the files and from the commit.
func TestAttachedAndReproduced(t *testing.T) {
	p := newPlace(t)
	p.git("init", "-q")
	p.git("add", "-A")
	p.git("commit", "-qm", "all")
	if _, _, err := workshop.GenerateKey(p.dir); err != nil {
		t.Fatal(err)
	}
	p.write(".gitignore", "davit.key\ndavit.pub\n.gitignore\n")
	built := p.build(workshop.Order{
		Targets: []string{"./server"}, Repo: p.registry + "/server", Push: true, Davit: "test",
		SBOM: []string{"spdx", "cyclonedx"}, Provenance: true, Key: "davit.key",
	})[0]
	ref, err := name.NewDigest(built.References[0])
	if err != nil {
		t.Fatal(err)
	}
	public, err := attest.LoadPublicKey("davit.pub")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{attest.ProvenanceType, attest.SPDXType, attest.CycloneDXType} {
		if statements, err := attest.Statements(t.Context(), ref, kind, &public); err != nil || len(statements) != 1 {
			t.Errorf("%s: %d, %v", kind, len(statements), err)
		}
	}
	again, err := workshop.Reproduce(t.Context(), built.References[0], p.dir, "davit.pub", nil)
	if err != nil || !again.Same {
		t.Errorf("from the files: %+v, %v", again, err)
	}
	p.write("server/main.go", "package main\n\nfunc main() { println(\"other\") }\n")
	p.git("commit", "-qam", "other")
	again, err = workshop.Reproduce(t.Context(), built.References[0], p.dir, "", nil)
	if err != nil || !again.Same {
		t.Errorf("from the commit: %+v, %v", again, err)
	}
	other := p.build(workshop.Order{Targets: []string{"./server"}, Layout: filepath.Join(t.TempDir(), "other")})[0]
	differences, err := workshop.Explain(t.Context(), built.References[0], other.Layout)
	if err != nil || len(differences) == 0 {
		t.Errorf("differences %v, %v", differences, err)
	}
}

// TestProvenanceNamesTheRepository: it says where the source can be had, and the
// image does not depend on it.
func TestProvenanceNamesTheRepository(t *testing.T) {
	p := newPlace(t)
	p.git("init", "-q")
	p.git("add", "-A")
	p.git("commit", "-qm", "all")
	order := workshop.Order{Targets: []string{"./server"}, Repo: p.registry + "/server", Push: true, Provenance: true}
	before := p.build(order)[0]
	p.git("remote", "add", "origin", "https://alice:secret@example.com/team/tools.git")
	order.Repo += "-again"
	after := p.build(order)[0]
	if before.Digest != after.Digest {
		t.Error("the image depends on where the source was cloned from")
	}
	ref, err := name.NewDigest(after.References[0])
	if err != nil {
		t.Fatal(err)
	}
	statements, err := attest.Statements(t.Context(), ref, attest.ProvenanceType, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := string(statements[0].Predicate)
	if !strings.Contains(text, `"source":"git+https://example.com/team/tools.git"`) || strings.Contains(text, "secret") || strings.Contains(text, "alice") {
		t.Errorf("it says %s", text)
	}
}

// TestBasesAreLocked: a tag that moves makes no difference until somebody asks.
func TestBasesAreLocked(t *testing.T) {
	p := newPlace(t)
	base := p.registry + "/base:1"
	p.pushBase(base, "one")
	p.write("davit.yaml", "build:\n  main: server\n  base: "+base+"\n")
	first := p.build(workshop.Order{})[0]
	p.pushBase(base, "two")
	if second := p.build(workshop.Order{})[0]; second.Digest != first.Digest {
		t.Error("the tag moved, and so did the image")
	}
	if locking, err := workshop.Lock(t.Context(), ".", false, nil); err != nil || len(locking.Changes) != 0 || !strings.HasPrefix(locking.Go, "go1.") {
		t.Errorf("locked %+v, %v", locking, err)
	}
	locking, err := workshop.Lock(t.Context(), ".", true, nil)
	if err != nil || len(locking.Changes) != 1 {
		t.Errorf("updated %+v, %v", locking, err)
	}
	if third := p.build(workshop.Order{})[0]; third.Digest == first.Digest {
		t.Error("the lock was updated, and the image is the same")
	}
}

func (p place) pushBase(ref, label string) {
	p.t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		p.t.Fatal(err)
	}
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}, Config: v1.Config{Env: []string{"BASE=" + label}},
	})
	if err == nil {
		err = remote.Write(tag, image)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestResolve(t *testing.T) {
	p := newPlace(t)
	p.write("deploy.yaml", "# kept\nimage: ko://example.com/tools/server\nother: [\"ko://example.com/tools/migrate\", x]\n")
	var out bytes.Buffer
	form := ko.Base
	err := workshop.Resolve(t.Context(), workshop.Resolving{
		Order: workshop.Order{Repo: p.registry, Push: true, Form: &form, SBOM: []string{"none"}}, Files: []string{"deploy.yaml"}, Out: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "# kept\nimage: "+p.registry+"/server@sha256:") || !strings.Contains(got, "other: [\""+p.registry+"/migrate@sha256:") {
		t.Errorf("got %s", got)
	}
}

// TestLikeKo: a folder with .ko.yaml and no davit.yaml is built as ko would.
func TestLikeKo(t *testing.T) {
	p := newPlace(t)
	p.pushBase(p.registry+"/base:1", "ko")
	p.write(".ko.yaml", "defaultBaseImage: "+p.registry+"/base:1\nbuilds:\n- main: ./server\n  ldflags: [-s, -w]\n")
	p.write("server/kodata/hello.txt", "hello\n")
	layout := filepath.Join(t.TempDir(), "layout")
	built := p.build(workshop.Order{Targets: []string{"./server"}, Repo: p.registry, Push: true, Layout: layout, SBOM: []string{"none"}})[0]
	if !strings.HasPrefix(built.Name, p.registry+"/server-") {
		t.Errorf("it is called %s", built.Name)
	}
	ref, err := name.ParseReference(built.References[0])
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := config.Config; got.Entrypoint[0] != "/ko-app/server" || !slices.Contains(got.Env, "KO_DATA_PATH=/var/run/ko") || !slices.Contains(got.Env, "BASE=ko") {
		text, _ := json.Marshal(got)
		t.Errorf("it says %s", text)
	}
	var archive bytes.Buffer
	if _, err := io.Copy(&archive, mutate.Extract(image)); err != nil || !bytes.Contains(archive.Bytes(), []byte("var/run/ko/hello.txt")) {
		t.Errorf("kodata is missing, %v", err)
	}
	p.write(".ko.yaml", "builds:\n- main: ./server\n  flags: [-toolexec=evil]\n")
	if _, err := workshop.Build(t.Context(), workshop.Order{Targets: []string{"./server"}}); err == nil || !strings.Contains(err.Error(), ".ko.yaml:3:") {
		t.Errorf("a flag that starts a program: %v", err)
	}
}

// TestForeignDockerfilesAreHandedOver: without another builder the error says
// where and why; with one, that one builds.
func TestForeignDockerfilesAreHandedOver(t *testing.T) {
	p := newPlace(t)
	p.write("Dockerfile", "FROM scratch\nCOPY server/main.go /main.go\nRUN make\n")
	bin := t.TempDir()
	for _, name := range []string{"go", "git"} {
		real, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(real, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	order := workshop.Order{Dockerfile: "Dockerfile", Args: map[string]string{"A": "b"}, Layout: filepath.Join(t.TempDir(), "layout")}
	_, err := workshop.Build(t.Context(), order)
	if err == nil || !strings.HasPrefix(err.Error(), "Dockerfile:3: RUN make: ") {
		t.Errorf("without another builder: %v", err)
	}
	// A stand-in for podman, which notes how it was called and saves an image.
	tarball := filepath.Join(t.TempDir(), "image.tar")
	p.write("other/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
	p.build(workshop.Order{Targets: []string{"other"}, Dockerfile: "other/Dockerfile", Tarball: tarball})
	script := "#!/bin/sh\necho \"$@\" >> " + bin + "/log\ncase $1 in\nbuild) for a; do [ \"$last\" = --iidfile ] && echo sha256:1 > $a; last=$a; done;;\n" +
		"save) /bin/cp " + tarball + " $5;;\nesac\n"
	if err := os.WriteFile(filepath.Join(bin, "podman"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	built := p.build(order)[0]
	log, err := os.ReadFile(filepath.Join(bin, "log"))
	if err != nil || !strings.Contains(string(log), "build --platform linux/amd64 -f Dockerfile --build-arg A=b --iidfile") {
		t.Errorf("podman was called as %s, %v", log, err)
	}
	if built.Digest == "" || built.Layout == "" {
		t.Errorf("built %+v", built)
	}
}
