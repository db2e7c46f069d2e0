package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edgeSettings hold the canary until somebody asks for it.
const edgeSettings = `name: orders
run: {env: {ORDERS_VERSION: %V}, drain: 1s}
release: {steps: [10%], dwell: 1m, bake: 3s, affinity: cookie, mirror: 100%}
`

func edgeSource(t *testing.T, version string) string {
	t.Helper()
	dir := ordersSource(t, version, "0", "1s")
	write(t, dir, "davit.yaml", strings.Replace(edgeSettings, "%V", version, 1))
	return dir
}

// get makes a request for the app and returns its answer, which has been read.
func (p *platform) get(t *testing.T, url string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	if strings.Contains(url, p.edge) {
		req.Host = "orders.localhost"
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(data)
}

// TestWhoGetsTheNewVersion: sessions, testers and copies, and what the operator
// sees of them.
func TestWhoGetsTheNewVersion(t *testing.T) {
	p := newPlatform(t)
	p.must(edgeSource(t, "v1"), "ship", "--skip-tests")
	p.must(edgeSource(t, "v2"), "ship", "--skip-tests", "--detach")
	until(t, "the canary", 30*time.Second, func() bool { return p.release("orders-2").Phase == "canary" })
	url := "http://" + p.edge + "/orders/1"
	var preview struct{ Release, Header, Token string }
	if err := json.Unmarshal([]byte(p.must("", "preview", "--json", "orders")), &preview); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		res, _ := p.get(t, url, http.Header{preview.Header: {preview.Token}})
		if got := res.Header.Get(preview.Header); got != "orders-2" || preview.Release != "orders-2" {
			t.Fatalf("a tester of %s got %q", preview.Release, got)
		}
	}
	first, _ := p.get(t, url, nil)
	cookies := first.Cookies()
	if !slices.ContainsFunc(cookies, func(c *http.Cookie) bool { return c.Name == "davit_session" }) {
		t.Fatalf("a new client got the cookies %v", cookies)
	}
	for range 20 {
		again, _ := p.get(t, url, http.Header{"Cookie": {cookies[0].Name + "=" + cookies[0].Value}})
		if len(again.Cookies()) != 0 {
			t.Fatalf("a session got another cookie: %v", again.Cookies())
		}
	}
	p.kill() // what control does after its next start is the same
	p.start()
	again, _ := p.get(t, url, nil)
	if len(again.Cookies()) == 0 {
		t.Error("after a restart of control a new client gets no cookie")
	}
	status := p.status()
	until(t, "the copies are counted", 10*time.Second, func() bool {
		_, text := p.get(t, status.Page+"/metrics", nil)
		return strings.Contains(text, "\ndavit_edge_up 1\n") && strings.Contains(text, `davit_releases{app="orders",state="canary"} 1`) &&
			strings.Contains(text, `davit_edge_mirrored_requests_total{app="orders",listener="production",release="orders-2"} `)
	})
	p.must("", "abort", "orders-2")
}

// TestTheAccessLogIsRotated, also by an edge that was started again.
func TestTheAccessLogIsRotated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	p := newPlatform(t, "--access-log", file)
	lines := func(of string) int {
		data, _ := os.ReadFile(of)
		return strings.Count(string(data), `"host":"orders.localhost"`)
	}
	url := "http://" + p.edge + "/"
	for i := range 3 {
		p.get(t, url, nil)
		until(t, "the line is in the log", 10*time.Second, func() bool { return lines(file) == 1 })
		if err := os.Rename(file, file+".old"); err != nil {
			t.Fatal(err)
		}
		edge := p.status().Edge.PID
		switch i {
		case 0: // as logrotate and 'systemctl reload' do
			if err := p.serve.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		case 1: // also without control
			if err := syscall.Kill(edge, syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		case 2:
			if err := syscall.Kill(edge, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "the log begins anew", 20*time.Second, func() bool {
			_, err := os.Stat(file)
			return err == nil && p.status().Edge.PID != 0
		})
	}
	p.get(t, url, nil)
	until(t, "the next edge writes it", 10*time.Second, func() bool { return lines(file) == 1 })
}
