package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestClientsAgree lets skopeo, crane and podman look at an image of davit's
// registry, and podman pull and run it.
func TestClientsAgree(t *testing.T) {
	p := newPlatform(t)
	dir := httpbinSource(t, httpbinLatest, "")
	p.must(dir, "ship", "--skip-tests")
	s := p.status()
	image := p.release("httpbin-1").Image
	reference := s.Registry + "/" + image.Repository + "@" + image.Digest

	t.Run("skopeo", func(t *testing.T) {
		r := runCommand(t, "", os.Environ(), need(t, "skopeo"), "inspect", "--tls-verify=false", "docker://"+reference)
		if r.code != 0 {
			t.Fatalf("skopeo inspect: %s", r.stderr)
		}
		var inspected struct{ Digest, Os, Architecture string }
		if err := json.Unmarshal([]byte(r.stdout), &inspected); err != nil {
			t.Fatal(err)
		}
		if inspected.Digest != image.Digest || inspected.Os != "linux" || inspected.Architecture != "amd64" {
			t.Errorf("skopeo sees %+v", inspected)
		}
	})
	t.Run("crane", func(t *testing.T) {
		r := runCommand(t, "", os.Environ(), need(t, "crane"), "validate", "--insecure", "--remote", reference)
		if r.code != 0 || !strings.Contains(r.stdout+r.stderr, "PASS") {
			t.Errorf("crane validate: %s%s", r.stdout, r.stderr)
		}
	})
	t.Run("podman", func(t *testing.T) { podmanRuns(t, reference) })
}

// podmanRuns pulls an image into a store of its own, runs it on the host's
// network, and asks it something.
func podmanRuns(t *testing.T, reference string) {
	podman := need(t, "podman")
	dir := t.TempDir()
	podmanArgs := func(args ...string) []string {
		return append([]string{
			"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"),
			"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
		}, args...)
	}
	r := runCommand(t, "", os.Environ(), podman, podmanArgs("pull", "--tls-verify=false", reference)...)
	if r.code != 0 {
		t.Fatalf("podman pull: %s", r.stderr)
	}
	const port = "18231"
	r = runCommand(t, "", os.Environ(), podman, podmanArgs("--runtime", "runc", "run", "-d", "--network", "host",
		"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", // what a machine without CAP_SYS_RESOURCE can give
		"-e", "HOST=127.0.0.1", "-e", "PORT="+port, reference)...)
	if r.code != 0 {
		t.Fatalf("podman run: %s", r.stderr)
	}
	id := strings.TrimSpace(r.stdout)
	defer func() {
		if r := runCommand(t, "", os.Environ(), podman, podmanArgs("rm", "-f", "-t", "1", id)...); r.code != 0 {
			t.Errorf("podman rm: %s", r.stderr)
		}
	}()
	until(t, "an answer of the container", 20*time.Second, func() bool {
		return answers("http://127.0.0.1:" + port + "/status/200")
	})
}
