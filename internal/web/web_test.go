package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/web"
)

// stage is what the page looks at: a platform that the test moves.
type stage struct {
	mu      sync.Mutex
	status  api.Status
	changed chan struct{}
}

func newStage() *stage {
	s := &stage{changed: make(chan struct{})}
	s.status = api.Status{
		Version: "v0.1.0", Sandbox: "namespaces",
		Edge: api.Edge{PID: 7, Production: "127.0.0.1:8080", Secure: "127.0.0.1:8443"},
		Apps: []api.App{{
			View: release.View{
				App: "orders", Hosts: []string{"orders.localhost"}, Live: "orders-1", Current: "orders-2",
				Releases: []release.Summary{summary("orders-1", release.Live), canary(6)},
			},
			Instances: []driver.Instance{
				{ID: "orders-1", State: driver.Ready},
				{ID: "orders-1-r2", State: driver.Backoff, Unlimited: "cpu 1: no cgroups <here>"},
				{ID: "orders-2", State: driver.Ready},
			},
			Certificates: []api.Certificate{
				{Host: "orders.localhost", Issuer: "own", NotAfter: new(time.Date(2027, 1, 12, 8, 30, 0, 0, time.UTC))},
				{Host: "orders.example.com", Issuer: "acme", Error: "the CA says <no>"},
			},
			Traffic: []api.Traffic{{Release: "orders-1", Requests: 48210, Failed: 212, P50: 1.2, P95: 4.1}},
		}},
	}
	return s
}

func summary(id string, outcome release.Outcome) release.Summary {
	return release.Summary{
		ID: id, App: "orders", Plan: "sha256:0123456789abcdef", Actor: "ada", Phase: release.PhaseEnded,
		Submitted: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Outcome: outcome, Weight: 1,
	}
}

// canary is a release under way with so many points of evidence, which rises.
func canary(points int) release.Summary {
	s := summary("orders-2", "")
	s.Phase, s.Step, s.Steps, s.Weight, s.Elapsed = release.PhaseCanary, 2, 3, 0.25, int64(points)*1000
	for i := range points {
		s.Trace = append(s.Trace, release.Point{Elapsed: int64(i) * 1000, LogE: float64(i) * 0.4, Weight: 0.05 + 0.2*float64(i/3)/2})
	}
	s.Verdict = &analysis.Verdict{
		Kind: analysis.Undecided, E: math.Exp(0.4 * float64(points)), Bound: 100,
		Canary: analysis.Counts{Units: []int64{400, 9}}, Stable: analysis.Counts{Units: []int64{1200, 5}},
	}
	return s
}

func (s *stage) Status(context.Context) (api.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, nil
}

func (s *stage) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *stage) Recent(context.Context, int) ([]api.Entry, error) {
	return []api.Entry{{
		Index: 41, Time: time.Date(2026, 11, 23, 9, 0, 1, 0, time.UTC), App: "orders", Release: "orders-2",
		Kind: "submitted", Actor: "ada", Data: json.RawMessage(`{"digest":"sha256:…"}`),
	}}, nil
}

// change replaces the release under way and wakes the watchers.
func (s *stage) change(current release.Summary) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.status.Apps[0]
	app.Releases = []release.Summary{app.Releases[0], current}
	s.status.Apps = []api.App{app}
	close(s.changed)
	s.changed = make(chan struct{})
}

func serve(t *testing.T, s *stage) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(web.Handler(s, s))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server
}

func get(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestThePageAnswersAtOneLook(t *testing.T) {
	resp, body := get(t, "GET", serve(t, newStage()).URL)
	for _, want := range []string{
		"orders-1", "shipped by ada", "orders-2", "canary 2/3", "25% of the traffic", "rolled back at <b>100</b>",
		"new 9 of 409 failed, live 5 of 1205", "<polyline", "48210", "submitted", "2 instances, 1 not well", "not limited: cpu 1: no cgroups &lt;here&gt;", "1 instance<",
		"in TLS on 127.0.0.1:8443", "certificate good until 2027-01-12 08:30 UTC", "no certificate yet", "the CA says &lt;no&gt;",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
}

func TestReliability32ThePageChangesNothing(t *testing.T) {
	server := serve(t, newStage())
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		for _, path := range []string{"/", "/events", "/static/page.js"} {
			if resp, _ := get(t, method, server.URL+path); resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %s", method, path, resp.Status)
			}
		}
	}
}

func TestReliability21HostileTextIsEscaped(t *testing.T) {
	s := newStage()
	evil := canary(4)
	evil.Actor, evil.Waiting, evil.Revision = `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "</main>"
	evil.Reason = "<b>reason</b>"
	s.change(evil)
	_, body := get(t, "GET", serve(t, s).URL)
	for _, bad := range []string{"<script>alert", "<img", "<b>reason", "commit <code></main>"} {
		if strings.Contains(body, bad) {
			t.Errorf("%q is on the page as it is", bad)
		}
	}
}

func TestEventsFollowChanges(t *testing.T) {
	s := newStage()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, serve(t, s).URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	event := func() string {
		var text strings.Builder
		for lines.Scan() && lines.Text() != "" {
			data, found := strings.CutPrefix(lines.Text(), "data: ")
			if !found {
				t.Fatalf("a line of an event is %q", lines.Text())
			}
			text.WriteString(data + "\n")
		}
		return text.String()
	}
	if first := event(); !strings.Contains(first, "canary 2/3") {
		t.Fatalf("the first event is %s", first)
	}
	worse := canary(12)
	worse.Step = 3
	s.change(worse)
	if second := event(); !strings.Contains(second, "canary 3/3") {
		t.Errorf("the second event is %s", second)
	}
}

// TestInABrowser opens the page in headless Chromium and sees it change by
// itself. DAVIT_SCREENSHOT names a file for what it looked like.
func TestInABrowser(t *testing.T) {
	s := newStage()
	server := serve(t, s)
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(server.URL))
	do(t, ctx, chromedp.WaitVisible(`.tile.current .badge.canary`))
	before := do(t, ctx, chromedp.Evaluate[string](linePoints))
	worse := canary(14)
	worse.Verdict.Kind, worse.Verdict.E = analysis.Worse, 122.4
	s.change(worse)
	do(t, ctx, chromedp.WaitVisible(`.tile.verdict .worse`))
	verdict := do(t, ctx, chromedp.Text(`.tile.verdict`))
	after := do(t, ctx, chromedp.Evaluate[string](linePoints))
	keepPicture(t, do(t, ctx, chromedp.FullScreenshot(100)))
	do(t, ctx, chromedp.EmulateViewport(390, 800))
	width := do(t, ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth`))
	if len(after) <= len(before) {
		t.Errorf("the line did not grow: before %q, after %q", before, after)
	}
	if !strings.Contains(verdict, "122") {
		t.Errorf("the verdict reads %q", verdict)
	}
	if width > 390 {
		t.Errorf("on a phone the page is %d pixels wide", width)
	}
}

func keepPicture(t *testing.T, picture []byte) {
	t.Helper()
	if file := os.Getenv("DAVIT_SCREENSHOT"); file != "" {
		if err := os.WriteFile(file, picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// browser is a tab of headless Chromium.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors", true), // of a certificate that is its own
		chromedp.WindowSize(1280, 1000),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// linePoints reads the line of the evidence.
const linePoints = `document.querySelector("polyline.evidence").getAttribute("points")`

func do[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
