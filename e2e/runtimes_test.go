package e2e

import (
	"archive/tar"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// inspector is a program that says what it finds in its container.
const inspector = `package main

import (
	"encoding/json"
	"net/http"
	"os"
	"time"
)

func main() {
	said := map[string]any{"uid": os.Getuid(), "write": os.WriteFile("/new", nil, 0o600) == nil}
	if place, err := time.LoadLocation("Asia/Shanghai"); err == nil {
		said["zone"] = time.Unix(0, 0).In(place).Format("15:04")
	}
	resp, err := http.Get(os.Args[1])
	if err != nil {
		said["tls"] = err.Error()
	} else {
		said["tls"] = resp.Status
		resp.Body.Close()
	}
	json.NewEncoder(os.Stdout).Encode(said)
}
`

// authority makes a CA and a server on loopback that it vouches for.
func authority(t *testing.T) (certificate []byte, url string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), server.URL
}

// TestRuntimes runs an image as nonroot on a read-only root under docker, podman,
// runc and crun, with a CA of its own beside those of the base.
func TestRuntimes(t *testing.T) {
	certificate, url := authority(t)
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/inspector\n\ngo 1.26\n")
	write(t, dir, "main.go", inspector)
	write(t, dir, "certs/our.pem", string(certificate))
	write(t, dir, "davit.yaml", "build:\n  files: {certs/our.pem: /etc/ssl/certs/our.pem}\n")
	saysRight := func(t *testing.T, r result) {
		t.Helper()
		var said struct {
			UID   int
			Write bool
			Zone  string
			TLS   string
		}
		if err := json.Unmarshal([]byte(clean(t, r)), &said); err != nil {
			t.Fatal(err)
		}
		if said.UID != 65532 || said.Write || said.Zone != "08:00" || said.TLS != "404 Not Found" {
			t.Errorf("it says %+v", said)
		}
	}
	t.Run("docker", func(t *testing.T) {
		env := startDocker(t)
		reference := loaded(t, runCommand(t, dir, env, binary, "build", "--push=false", "--load", "docker"))
		saysRight(t, runCommand(t, "", env, need(t, "docker"), "run", "--rm", "--network", "host", "--read-only", reference, url))
	})
	t.Run("podman", func(t *testing.T) {
		podman, env := podmanStore(t)
		reference := loaded(t, runCommand(t, dir, env, binary, "build", "--push=false", "--load", "podman"))
		saysRight(t, runCommand(t, "", env, podman, "--runtime", "runc", "run", "--rm", "--network", "host", "--read-only",
			"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", reference, url))
	})
	for name, command := range map[string]func(*testing.T) []string{"runc": runc, "crun": crun} {
		t.Run(name, func(t *testing.T) {
			images := filepath.Join(t.TempDir(), "layout")
			clean(t, runCommand(t, dir, os.Environ(), binary, "build", "--push=false", "--oci-layout", images))
			saysRight(t, runBundle(t, command(t), images, url))
		})
	}
}

// loaded returns the reference by which an image can be run.
func loaded(t *testing.T, r result) string {
	t.Helper()
	name, _, _ := strings.Cut(strings.TrimSpace(clean(t, r)), "@")
	return name + ":latest"
}

// startDocker starts a dockerd with everything in a folder of its own.
func startDocker(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start dockerd")
	}
	dir, err := os.MkdirTemp("/tmp", "davit-docker-") //nolint:usetesting // names of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	log, err := os.Create(path("log"))
	if err != nil {
		t.Fatal(err)
	}
	socket := "unix://" + path("docker.sock")
	cmd := exec.Command(need(t, "dockerd"), "-H", socket, "--data-root", path("data"), "--exec-root", path("exec"),
		"--pidfile", path("pid"), "--bridge", "none", "--iptables=false", "--ip6tables=false", "--storage-driver", "vfs")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
		_ = log.Close()
		_ = os.RemoveAll(dir) // the system clears what stays
	})
	env := append(os.Environ(), "DOCKER_HOST="+socket)
	deadline := time.Now().Add(30 * time.Second)
	for runCommand(t, "", env, need(t, "docker"), "info").code != 0 {
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(path("log"))
			t.Skipf("dockerd does not start here:\n%s", text)
		}
		time.Sleep(200 * time.Millisecond)
	}
	return env
}

// podmanStore returns a podman with a store of its own, which its configuration
// file names, so that davit's finds it too.
func podmanStore(t *testing.T) (podman string, env []string) {
	t.Helper()
	podman = need(t, "podman")
	dir := t.TempDir()
	write(t, dir, "storage.conf", "[storage]\ndriver = \"vfs\"\ngraphroot = \""+dir+"/root\"\nrunroot = \""+dir+"/run\"\n")
	write(t, dir, "containers.conf", "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\ntmp_dir = \""+dir+"/tmp\"\n")
	return podman, append(os.Environ(),
		"CONTAINERS_STORAGE_CONF="+filepath.Join(dir, "storage.conf"), "CONTAINERS_CONF="+filepath.Join(dir, "containers.conf"))
}

// runc is the command line that runs it.
func runc(t *testing.T) []string {
	t.Helper()
	return []string{need(t, "runc")}
}

// crun is the command line that runs it. Where a machine has both versions of
// cgroups, crun refuses to start, and so it is shown the first one only.
func crun(t *testing.T) []string {
	t.Helper()
	const second = "/sys/fs/cgroup/unified"
	path := need(t, "crun")
	if _, err := os.Stat(second); err != nil {
		return []string{path}
	}
	return []string{need(t, "unshare"), "--mount", "sh", "-c", "umount " + second + ` && exec "$@"`, "sh", path}
}

// runBundle has a runtime run the image of a layout in a bundle (OCI
// runtime-spec, bundle.md).
func runBundle(t *testing.T, runtime []string, images string, args ...string) result {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root runs containers without further ado")
	}
	image := onlyImage(t, images)
	bundle := t.TempDir()
	unpack(t, image, filepath.Join(bundle, "rootfs"))
	clean(t, runCommand(t, bundle, os.Environ(), runtime[len(runtime)-1], "spec"))
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(bundle, "config.json"), func(spec map[string]any) {
		process := spec["process"].(map[string]any)
		process["terminal"] = false
		process["args"] = append(config.Config.Entrypoint, args...)
		process["user"] = map[string]any{"uid": 65532, "gid": 65532}
		process["rlimits"] = []any{}
		spec["root"] = map[string]any{"path": "rootfs", "readonly": true}
		linux := spec["linux"].(map[string]any)
		linux["namespaces"] = []any{map[string]any{"type": "pid"}, map[string]any{"type": "mount"}, map[string]any{"type": "ipc"}}
		linux["resources"] = map[string]any{}
		delete(spec, "hostname") // it has no name of its own
	})
	command := append(runtime, "--root", filepath.Join(bundle, "state"), "run", "davit-e2e")
	return runCommand(t, bundle, os.Environ(), command[0], command[1:]...)
}

func edit(t *testing.T, path string, change func(map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var value map[string]any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	change(value)
	if data, err = json.Marshal(value); err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func onlyImage(t *testing.T, images string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(images)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("%v, %v", manifest, err)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// unpack writes an image's files.
func unpack(t *testing.T, image v1.Image, root string) {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, header.Name)
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = writeFrom(path, r, os.FileMode(header.Mode))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func writeFrom(path string, r io.Reader, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode.Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
