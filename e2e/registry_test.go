package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestDockerPushes lets docker push to the registry after a login, and not
// without one or with a wrong password, and pull without any.
func TestDockerPushes(t *testing.T) {
	env := startDocker(t)
	docker := need(t, "docker")
	p := newPlatform(t)
	host := p.status().Registry
	dir := t.TempDir()
	env = append(env, "DOCKER_CONFIG="+dir)
	write(t, dir, "content", "a file of the image")
	clean(t, runCommand(t, dir, env, "tar", "cf", "layer.tar", "content"))
	image := host + "/docker/app:v1"
	clean(t, runCommand(t, dir, env, docker, "import", "layer.tar", image))

	if r := runCommand(t, dir, env, docker, "push", image); r.code == 0 || !strings.Contains(r.stdout+r.stderr, "unauthorized") {
		t.Errorf("without a login: exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if r := runCommand(t, dir, env, docker, "login", host, "-u", "davit", "-p", "wrong"); r.code == 0 {
		t.Error("docker logged in with a wrong password")
	}
	clean(t, runCommand(t, dir, env, docker, "login", host, "-u", "davit", "-p", p.password()))
	clean(t, runCommand(t, dir, env, docker, "push", image))
	clean(t, runCommand(t, dir, env, docker, "tag", image, host+"/docker/other:v1"))
	if out := clean(t, runCommand(t, dir, env, docker, "push", host+"/docker/other:v1")); !strings.Contains(out, "Mounted from docker/app") {
		t.Errorf("the layer was not mounted: %s", out)
	}
	clean(t, runCommand(t, dir, env, docker, "logout", host))
	clean(t, runCommand(t, dir, env, docker, "rmi", image, host+"/docker/other:v1"))
	clean(t, runCommand(t, dir, env, docker, "pull", image))
}

// ask sends a request to the registry, with its password.
func (p *platform) ask(method, path string, body io.Reader, header ...string) (*http.Response, string) {
	p.t.Helper()
	resp, err := http.DefaultClient.Do(p.request(method, path, body, header...))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp, readAll(p.t, resp)
}

func (p *platform) request(method, path string, body io.Reader, header ...string) *http.Request {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.status().Registry+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.SetBasicAuth("davit", p.password())
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// TestReliability01KilledDuringAnUpload kills davit while half of a blob is
// there. Nothing of it is served, and the client goes on where it was.
func TestReliability01KilledDuringAnUpload(t *testing.T) {
	p := newPlatform(t)
	data := make([]byte, 8<<20)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	begun, _ := p.ask("POST", "/v2/app/blobs/uploads/", nil)
	if begun.StatusCode != http.StatusAccepted {
		t.Fatal(begun.Status)
	}
	place := begun.Header.Get("Location")
	if resp, _ := p.ask("PATCH", place, bytes.NewReader(data[:1<<20]), "Content-Range", "0-1048575"); resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status)
	}
	reader, writer := io.Pipe()
	ended := make(chan struct{})
	cut := p.request("PATCH", place, reader)
	go func() {
		defer close(ended)
		if resp, err := http.DefaultClient.Do(cut); err == nil {
			resp.Body.Close()
			t.Errorf("an answer although it was killed: %s", resp.Status)
		}
	}()
	if _, err := writer.Write(data[1<<20 : 4<<20]); err != nil {
		t.Fatal(err)
	}
	p.kill()
	_ = writer.Close() // nobody reads from it any more
	<-ended
	p.start()

	if resp, _ := p.ask("GET", "/v2/app/blobs/"+digest, nil); resp.StatusCode != http.StatusNotFound {
		t.Fatalf("a part is served: %s", resp.Status)
	}
	resp, _ := p.ask("GET", place, nil)
	var last int
	if _, err := fmt.Sscanf(resp.Header.Get("Range"), "0-%d", &last); err != nil || last < 1<<20-1 || last >= 4<<20 {
		t.Fatalf("%s, range %q", resp.Status, resp.Header.Get("Range"))
	}
	resp, text := p.ask("PUT", place+"?digest="+digest, bytes.NewReader(data[last+1:]),
		"Content-Range", fmt.Sprintf("%d-%d", last+1, len(data)-1))
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", resp.Status, text)
	}
	if _, got := p.ask("GET", "/v2/app/blobs/"+digest, nil); got != string(data) {
		t.Error("it came back otherwise")
	}
	if left, err := os.ReadDir(p.data + "/registry/uploads"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestReliability06DeletingADeployedDigest deletes the image that is live, the one
// that is the way back, a layer of it and a plan: the answer names the release.
func TestReliability06DeletingADeployedDigest(t *testing.T) {
	p := newPlatform(t)
	p.must(httpbinSource(t, httpbinBefore, ""), "ship", "--skip-tests")
	traffic := startLoad(t, p.edge, "httpbin.localhost", "/get", 200)
	p.must(httpbinSource(t, httpbinLatest, ""), "ship", "--skip-tests")
	traffic.end()
	for _, id := range []string{"httpbin-1", "httpbin-2"} {
		image := p.release(id).Image
		base := "/v2/" + image.Repository
		_, text := p.ask("GET", base+"/manifests/"+image.Digest, nil)
		var manifest struct {
			Layers []struct {
				Digest string `json:"digest"`
			} `json:"layers"`
		}
		if err := json.Unmarshal([]byte(text), &manifest); err != nil || len(manifest.Layers) == 0 {
			t.Fatalf("%s: %v", text, err)
		}
		for _, path := range []string{"/manifests/" + image.Digest, "/blobs/" + manifest.Layers[0].Digest} {
			resp, text := p.ask("DELETE", base+path, nil)
			if resp.StatusCode != http.StatusConflict || !strings.Contains(text, "needed by release httpbin-") {
				t.Errorf("%s of %s: %s %s", path, id, resp.Status, text)
			}
		}
	}
}
