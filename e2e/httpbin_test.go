package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The service that is shipped, at the version before the latest and the latest.
const (
	httpbin       = "github.com/mccutchen/go-httpbin/v2"
	httpbinBefore = "v2.25.0"
	httpbinLatest = "v2.26.0"
)

// httpbinSettings make a release of it short.
const httpbinSettings = `name: httpbin
build: {main: cmd/go-httpbin}
run:
  health: {path: /status/200, start: 5s}
  drain: 5s
%s
release: {steps: [10%%, 50%%], dwell: 1s, bake: 2s, deadline: 2m}
`

func httpbinSource(t *testing.T, version, run string) string {
	t.Helper()
	dir := module(t, httpbin+"@"+version)
	write(t, dir, "davit.yaml", fmt.Sprintf(httpbinSettings, run))
	write(t, dir, "acceptance/get.yaml", "- name: it answers\n  request: GET /get?rope=2\n  expect: {status: 200}\n")
	return dir
}

func TestHttpbinGoesLiveUnderTraffic(t *testing.T) {
	p := newPlatform(t)
	before := httpbinSource(t, httpbinBefore, "")
	p.must(before, "ship", "--skip-tests")
	traffic := startLoad(t, p.edge, "httpbin.localhost", "/get", 200)

	latest := httpbinSource(t, httpbinLatest, "")
	p.must(latest, "ship", "--skip-tests")
	if got := p.release("httpbin-2"); got.Outcome != "live" {
		t.Fatalf("the latest version ended %+v", got)
	}

	// An environment in which its health check has another address.
	write(t, latest, "davit.yaml", fmt.Sprintf(httpbinSettings, "  env: {PREFIX: /elsewhere}"))
	for range 2 { // a rejected plan may be tried again
		r := p.davit(latest, "ship", "--skip-tests")
		if r.code != 4 || !strings.Contains(r.stderr, "rejected") {
			t.Fatalf("exit %d, want 4: %s%s", r.code, r.stdout, r.stderr)
		}
	}
	if s := p.status(); s.Apps[0].Live != "httpbin-2" {
		t.Errorf("live is %s", s.Apps[0].Live)
	}

	// The good configuration ships again, with a change that makes it a new plan.
	write(t, latest, "davit.yaml", fmt.Sprintf(httpbinSettings, "  env: {LOG_LEVEL: WARN}"))
	p.must(latest, "ship", "--skip-tests")
	if got := p.status().Apps[0].Live; got != "httpbin-5" {
		t.Errorf("live is %s", got)
	}
	sent, failed, reasons := traffic.end()
	t.Logf("%d requests, %d failed", sent, failed)
	if failed != 0 {
		t.Errorf("%d of %d requests failed: %v", failed, sent, reasons)
	}
}

func TestPodinfoGoesLive(t *testing.T) {
	p := newPlatform(t)
	dir := module(t, "github.com/stefanprodan/podinfo@v1.8.1-0.20250910200901-e86405a8674e")
	write(t, dir, "davit.yaml", `name: podinfo
build: {main: cmd/podinfo}
run: {args: ["--port=$(PORT)"]}
`)
	p.must(dir, "ship", "--skip-tests")
	body := get(t, p.edge, "podinfo.localhost", "/version")
	if !strings.Contains(body, "version") {
		t.Errorf("GET /version: %s", body)
	}
}

// get asks the edge for a path of a host and wants 200.
func get(t *testing.T, edge, host, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+edge+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := readAll(t, resp)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s: %s", path, resp.Status, body)
	}
	return body
}

// TestOneDigest builds one tree in two folders, and after a commit that changes
// only a comment in a Markdown file.
func TestOneDigest(t *testing.T) {
	build := func(dir string) string {
		r := runCommand(t, dir, os.Environ(), binary, "build", "--push=false", "--json")
		if r.code != 0 {
			t.Fatalf("davit build: %s%s", r.stdout, r.stderr)
		}
		var built struct{ Digest string }
		if err := json.Unmarshal([]byte(r.stdout), &built); err != nil {
			t.Fatal(err)
		}
		return built.Digest
	}
	first := httpbinSource(t, httpbinLatest, "")
	second := httpbinSource(t, httpbinLatest, "")
	want := build(first)
	if got := build(second); got != want {
		t.Errorf("in another folder the digest is %s, not %s", got, want)
	}
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "-c", "init.defaultBranch=main"}, args...)
		if r := runCommand(t, first, os.Environ(), "git", args...); r.code != 0 {
			t.Fatalf("git: %s", r.stderr)
		}
	}
	git("init", "-q")
	git("add", "-A")
	git("commit", "-qm", "all")
	readme := filepath.Join(first, "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	write(t, first, "README.md", string(text)+"\n<!-- a comment -->\n")
	git("commit", "-qam", "a comment")
	if got := build(first); got != want {
		t.Errorf("after a commit to README.md the digest is %s, not %s", got, want)
	}
}
