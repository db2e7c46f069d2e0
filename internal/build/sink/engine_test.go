package sink_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build/sink"
)

// daemon answers as Docker's Engine API does.
type daemon struct {
	arch   string
	driver string // "" for Docker's own image store
	refuse string // what it says instead of loading

	loaded []v1.Descriptor // entries of the last index.json
	tagged []string
}

func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/version":
		fmt.Fprintf(w, `{"Version":"29.0.0","Os":"linux","Arch":%q}`, d.arch)
	case r.URL.Path == "/info":
		fmt.Fprintf(w, `{"Driver":"overlayfs","DriverStatus":[["driver-type",%q]]}`, d.driver)
	case r.URL.Path == "/images/load" && r.Method == http.MethodPost:
		d.load(w, r)
	case strings.HasSuffix(r.URL.Path, "/tag") && r.Method == http.MethodPost:
		d.tagged = append(d.tagged, r.URL.Query().Get("repo")+" "+r.URL.Query().Get("tag"))
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"page not found"}`)
	}
}

func (d *daemon) load(w http.ResponseWriter, r *http.Request) {
	if d.refuse != "" {
		fmt.Fprintf(w, `{"stream":"Loading"}`+"\n"+`{"errorDetail":{"message":%q},"error":%q}`, d.refuse, d.refuse)
		return
	}
	for archive := tar.NewReader(r.Body); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `{"message":%q}`, err)
			return
		}
		if header.Name == "index.json" {
			var index v1.IndexManifest
			if err := json.NewDecoder(archive).Decode(&index); err == nil {
				d.loaded = index.Manifests
			}
		}
	}
	fmt.Fprint(w, `{"stream":"Loaded image: x\n"}`)
}

// listen serves a daemon on a socket, and returns where.
func listen(tb testing.TB, d http.Handler) string {
	tb.Helper()
	socket := filepath.Join(shortDir(tb), "s")
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewUnstartedServer(d)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	tb.Cleanup(server.Close)
	return "unix://" + socket
}

// noDocker makes sure that no daemon of this machine is found.
func noDocker(tb testing.TB) {
	tb.Helper()
	for _, variable := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "CONTAINER_HOST"} {
		tb.Setenv(variable, "")
	}
	tb.Setenv("DOCKER_CONFIG", tb.TempDir())
}

func TestLoadIntoDocker(t *testing.T) {
	noDocker(t)
	many := several(t, "many", "linux/amd64/v3", "linux/amd64", "linux/arm64")
	index, err := many.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	one := single(t, "one")
	for name, c := range map[string]struct {
		daemon
		image sink.Image
		want  string
	}{
		"one platform":       {daemon{arch: "s390x"}, one, digestOf(t, one)},
		"its platform":       {daemon{arch: "arm64"}, many, index.Manifests[2].Digest.String()},
		"the lowest variant": {daemon{arch: "amd64"}, many, index.Manifests[1].Digest.String()},
		"all platforms":      {daemon{arch: "amd64", driver: "io.containerd.snapshotter.v1"}, many, digestOf(t, many)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DOCKER_HOST", listen(t, &c.daemon))
			var done, total int64
			got, err := sink.Load(t.Context(), sink.Docker, c.image, names(t, "orders:v1", "team/orders", "ghcr.io/team/orders:v2"),
				func(d, of int64) { done, total = d, of })
			if err != nil {
				t.Fatal(err)
			}
			if want := []string{"orders:v1", "team/orders:latest", "ghcr.io/team/orders:v2"}; !slices.Equal(got, want) {
				t.Errorf("to be run as %q, want %q", got, want)
			}
			if len(c.loaded) != 1 || c.loaded[0].Digest.String() != c.want || c.loaded[0].Annotations["io.containerd.image.name"] != "docker.io/library/orders:v1" {
				t.Errorf("loaded %+v, want %s", c.loaded, c.want)
			}
			if want := []string{"docker.io/team/orders latest", "ghcr.io/team/orders v2"}; !slices.Equal(c.tagged, want) {
				t.Errorf("tagged %q, want %q", c.tagged, want)
			}
			if done != total || total == 0 {
				t.Errorf("%d of %d bytes", done, total)
			}
		})
	}
}

func TestLoadIntoDockerFails(t *testing.T) {
	noDocker(t)
	one := single(t, strings.Repeat("content", 100000))
	lying := sink.Image{Image: withLayer(t, lyingLayer{firstLayer(t, one)}, platform(t, "linux/amd64"))}
	absent := "unix://" + filepath.Join(t.TempDir(), "docker.sock")
	for want, c := range map[string]struct {
		host  string
		image sink.Image
	}{
		"no space left":                   {listen(t, &daemon{refuse: "no space left"}), one},
		"page not found (404 Not Found)":  {listen(t, http.StripPrefix("/v9", &daemon{})), one},
		"is damaged":                      {listen(t, &daemon{}), lying},
		"it runs linux/mips64":            {listen(t, &daemon{arch: "mips64"}), several(t, "m", "linux/amd64", "linux/arm64")},
		"it does not run there; start it": {absent, one},
		"is not where a daemon is":        {"npipe:////./pipe/docker_engine", one},
		"127.0.0.1:1: it does not run":    {"tcp://127.0.0.1:1", one},
	} {
		t.Setenv("DOCKER_HOST", c.host)
		if got, err := sink.Load(t.Context(), sink.Docker, c.image, names(t, "orders:v1"), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	if _, err := sink.Load(t.Context(), sink.Docker, one, nil, nil); err == nil || !strings.Contains(err.Error(), "no name") {
		t.Errorf("without a name: %v", err)
	}
}

func TestDockerIsWhereItsContextIs(t *testing.T) {
	noDocker(t)
	d := &daemon{}
	at := listen(t, d)
	config := os.Getenv("DOCKER_CONFIG")
	id := sha256.Sum256([]byte("desktop"))
	meta := filepath.Join(config, "contexts", "meta", hex.EncodeToString(id[:]))
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		filepath.Join(config, "config.json"): `{"currentContext":"desktop"}`,
		filepath.Join(meta, "meta.json"):     fmt.Sprintf(`{"Name":"desktop","Endpoints":{"docker":{"Host":%q}}}`, at),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sink.Load(t.Context(), sink.Docker, single(t, "one"), names(t, "orders:v1"), nil); err != nil || len(d.loaded) != 1 {
		t.Errorf("%+v, %v", d.loaded, err)
	}
	t.Setenv("DOCKER_CONTEXT", "other")
	if _, err := sink.Load(t.Context(), sink.Docker, single(t, "one"), names(t, "orders:v1"), nil); err == nil || !strings.Contains(err.Error(), `docker context "other"`) {
		t.Errorf("got %v", err)
	}
}

func TestLoadIntoPodman(t *testing.T) {
	podmanStore(t)
	image := several(t, "many", "linux/s390x", "linux/"+runtime.GOARCH)
	index, err := image.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	got, err := sink.Load(t.Context(), sink.Podman, image, names(t, "orders:v1", "ghcr.io/team/orders:v2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"localhost/orders:v1", "ghcr.io/team/orders:v2"}; !slices.Equal(got, want) {
		t.Errorf("to be run as %q, want %q", got, want)
	}
	for _, name := range got {
		if digest := output(t, "podman", "image", "inspect", "--format", "{{.Digest}}", name); digest != index.Manifests[1].Digest.String() {
			t.Errorf("%s is %s, want %s", name, digest, index.Manifests[1].Digest)
		}
	}
	lying := sink.Image{Image: withLayer(t, lyingLayer{firstLayer(t, single(t, "one"))}, platform(t, "linux/amd64"))}
	if _, err := sink.Load(t.Context(), sink.Podman, lying, names(t, "lying:v1"), nil); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("got %v", err)
	}
}

// Without a command, Podman's service is asked.
func TestLoadIntoPodmansService(t *testing.T) {
	noDocker(t)
	t.Setenv("PATH", t.TempDir())
	d := &daemon{arch: "amd64"}
	t.Setenv("CONTAINER_HOST", listen(t, d))
	got, err := sink.Load(t.Context(), sink.Podman, single(t, "one"), names(t, "orders:v1"), nil)
	if err != nil || len(d.loaded) != 1 || !slices.Equal(got, []string{"localhost/orders:v1"}) {
		t.Errorf("%q, %+v, %v", got, d.loaded, err)
	}
	t.Setenv("CONTAINER_HOST", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := os.Stat("/run/podman/podman.sock"); err == nil {
		t.Skip("Podman's service runs on this machine")
	}
	if _, err := sink.Load(t.Context(), sink.Podman, single(t, "one"), names(t, "orders:v1"), nil); err == nil || !strings.Contains(err.Error(), "CONTAINER_HOST") {
		t.Errorf("got %v", err)
	}
}

func TestEngineSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := sink.Load(t.Context(), sink.Containerd, single(t, "one"), names(t, "orders:v1"), nil); err == nil || !strings.Contains(err.Error(), "neither ctr nor nerdctl") {
		t.Errorf("got %v", err)
	}
}

// A command that ends early has the better reason; one that does not read is not
// waited for.
func TestCommandThatFails(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"$@\" >&2\necho 'permission denied: run as root' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "ctr"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	t.Setenv("CONTAINERD_NAMESPACE", "")
	image := sink.Image{Image: withLayer(t, vast{}, platform(t, "linux/amd64"))}
	for engine, namespace := range map[sink.Engine]string{sink.Containerd: "-n default images import -", "containerd:k8s.io": "-n k8s.io images import -"} {
		_, err := sink.Load(t.Context(), engine, image, names(t, "orders:v1"), nil)
		if err == nil || !strings.Contains(err.Error(), "run as root") || !strings.Contains(err.Error(), namespace) {
			t.Errorf("got %v", err)
		}
	}
}

// What breaks off is not handed over as if it were all.
func TestCommandIsEndedWithTheImage(t *testing.T) {
	bin := t.TempDir()
	took := filepath.Join(bin, "took")
	script := "#!/bin/sh\ncat > " + took + ".half\nmv " + took + ".half " + took + "\n"
	if err := os.WriteFile(filepath.Join(bin, "ctr"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	one := single(t, "one")
	if _, err := sink.Load(t.Context(), sink.Containerd, one, names(t, "orders:v1"), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(took); err != nil {
		t.Fatal(err)
	}
	lying := sink.Image{Image: withLayer(t, lyingLayer{firstLayer(t, one)}, platform(t, "linux/amd64"))}
	if _, err := sink.Load(t.Context(), sink.Containerd, lying, names(t, "orders:v1"), nil); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(took); err == nil {
		t.Error("the command took half an image")
	}
}

func TestParseEngine(t *testing.T) {
	for _, text := range []string{"docker", "podman", "containerd", "containerd:k8s.io"} {
		if e, err := sink.ParseEngine(text); err != nil || string(e) != text {
			t.Errorf("%q: %q, %v", text, e, err)
		}
	}
	for _, text := range []string{"", "kind", "docker:x", "containerd:", "containerd:a b", "containerd:--all"} {
		if e, err := sink.ParseEngine(text); err == nil || !strings.Contains(err.Error(), "allowed: docker, podman, containerd") {
			t.Errorf("%q: %q, %v", text, e, err)
		}
	}
}

func TestLoadIntoContainerd(t *testing.T) {
	path, err := exec.LookPath("containerd")
	if err != nil || os.Getuid() != 0 {
		t.Skip("containerd is not on this machine, or this is not root")
	}
	dir := shortDir(t)
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, "--config", config, "--root", dir+"/root", "--state", dir+"/state", "--address", socket)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		if c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket); err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Skipf("containerd does not start here:\n%s", log.String())
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Setenv("CONTAINERD_ADDRESS", socket)
	t.Setenv("CONTAINERD_SNAPSHOTTER", "native")
	image := several(t, "many", "linux/s390x", "linux/"+runtime.GOARCH)
	got, err := sink.Load(t.Context(), "containerd:k8s.io", image, names(t, "orders:v1", "ghcr.io/team/orders:v2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	listed := output(t, "ctr", "-n", "k8s.io", "images", "ls", "-q")
	if want := "docker.io/library/orders:v1\nghcr.io/team/orders:v2"; listed != want || len(got) != 2 {
		t.Errorf("containerd has %q (%q), want %q", listed, got, want)
	}
	if others := output(t, "ctr", "images", "ls", "-q"); others != "" {
		t.Errorf("the namespace default has %q", others)
	}
}
