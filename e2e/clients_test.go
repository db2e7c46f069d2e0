package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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
	t.Run("referrers", func(t *testing.T) {
		list := "http://" + s.Registry + "/v2/" + image.Repository + "/referrers/" + image.Digest
		first := referrers(t, list)
		for _, want := range []string{"application/spdx+json", "application/vnd.in-toto+json https://slsa.dev/provenance/v1"} {
			if !slices.Contains(first, want) {
				t.Errorf("beside the image are %q, and not %s", first, want)
			}
		}
		p.must(dir, "ship", "--skip-tests")
		if second := referrers(t, list); !slices.Equal(first, second) {
			t.Errorf("beside the image were %q, and after it was shipped again %q", first, second)
		}
	})
}

// referrers lists what stands beside an image: artifact types, and of statements
// what they say (OCI distribution-spec 1.1, "Listing Referrers").
func referrers(t *testing.T, list string) []string {
	t.Helper()
	resp, err := http.Get(list)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var index struct {
		Manifests []struct {
			ArtifactType string            `json:"artifactType"`
			Annotations  map[string]string `json:"annotations"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal([]byte(readAll(t, resp)), &index); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range index.Manifests {
		found = append(found, strings.TrimSpace(m.ArtifactType+" "+m.Annotations["in-toto.io/predicate-type"]))
	}
	return found
}

// TestClientsPush lets the same clients push what davit built, with the
// registry's password, and wants the same digest there.
func TestClientsPush(t *testing.T) {
	p := newPlatform(t)
	dir := httpbinSource(t, httpbinLatest, "")
	layout, err := os.MkdirTemp("", "davit-layout-") //nolint:usetesting // podman wants names in lower case
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(layout); err != nil {
			t.Error(err)
		}
	})
	p.must(dir, "build", "--push=false", "--oci-layout", layout)
	credentials := "davit:" + p.password()
	target := p.status().Registry + "/pushed"

	t.Run("skopeo", func(t *testing.T) {
		skopeo := need(t, "skopeo")
		clean(t, runCommand(t, "", os.Environ(), skopeo, "copy", "--dest-tls-verify=false", "--dest-creds", credentials,
			"oci:"+layout, "docker://"+target+":skopeo"))
		clean(t, runCommand(t, "", os.Environ(), skopeo, "copy", "--src-tls-verify=false",
			"docker://"+target+":skopeo", "oci:"+filepath.Join(t.TempDir(), "back")))
		r := runCommand(t, "", os.Environ(), skopeo, "copy", "--dest-tls-verify=false", "--dest-creds", "davit:wrong",
			"oci:"+layout, "docker://"+target+":wrong")
		if r.code == 0 {
			t.Error("it was pushed with a wrong password")
		}
	})
	t.Run("crane", func(t *testing.T) {
		crane := need(t, "crane")
		env := append(os.Environ(), "DOCKER_CONFIG="+t.TempDir())
		_, secret, _ := strings.Cut(credentials, ":")
		clean(t, runCommand(t, "", env, crane, "auth", "login", p.status().Registry, "-u", "davit", "-p", secret))
		clean(t, runCommand(t, "", env, crane, "push", "--index", "--insecure", layout, target+":crane"))
		clean(t, runCommand(t, "", env, crane, "pull", "--insecure", target+":crane", filepath.Join(t.TempDir(), "back.tar")))
	})
	t.Run("podman", func(t *testing.T) {
		podman, root := need(t, "podman"), store(t)
		args := func(args ...string) []string {
			return append([]string{
				"--root", filepath.Join(root, "root"), "--runroot", filepath.Join(root, "run"), "--tmpdir", filepath.Join(root, "tmp"),
				"--storage-driver", "vfs", "--events-backend", "file",
			}, args...)
		}
		pulled := clean(t, runCommand(t, "", os.Environ(), podman, args("pull", "-q", "oci:"+layout)...))
		clean(t, runCommand(t, "", os.Environ(), podman, args("push", "--tls-verify=false", "--creds", credentials,
			strings.TrimSpace(pulled), "docker://"+target+":podman")...))
		clean(t, runCommand(t, "", os.Environ(), podman, args("pull", "-q", "--tls-verify=false", target+":podman")...))
	})
}

// store is a folder for podman, which goes on cleaning up in it for a moment
// after the last command.
func store(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "davit-podman-") //nolint:usetesting // it is removed with patience
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		until(t, "the removal of podman's store", 20*time.Second, func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}

// clean wants exit code 0 and returns what was printed.
func clean(t *testing.T, r result) string {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// podmanRuns pulls an image into a store of its own, runs it on the host's
// network, and asks it something.
func podmanRuns(t *testing.T, reference string) {
	podman := need(t, "podman")
	dir := store(t)
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
