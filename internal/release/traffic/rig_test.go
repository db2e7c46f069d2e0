package traffic_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// rig is a running edge with a client for each of its sides.
type rig struct {
	*traffic.Client
	config  traffic.Config
	deps    traffic.Deps
	url     string // of the production listener
	staging string
	version uint64
	stop    func() error // ends the edge and waits; calling it again does nothing
}

// steered is a clock and a draw that a test sets.
type steered struct {
	now    atomic.Int64
	canary atomic.Bool
}

func (s *steered) clock() time.Duration { return time.Duration(s.now.Load()) }
func (s *steered) draw() float64 {
	if s.canary.Load() {
		return 0
	}
	return 0.999
}

// newRig starts an edge in a folder; change may set its dependencies.
func newRig(tb testing.TB, dir string, change func(*traffic.Config, *traffic.Deps)) *rig {
	tb.Helper()
	r := &rig{
		config: traffic.Config{
			Socket: filepath.Join(dir, "edge.sock"), TableFile: filepath.Join(dir, "table.json"),
			Grace: 5 * time.Second,
		},
		deps: traffic.Deps{Production: listen(tb), Staging: listen(tb), Log: slog.New(slog.DiscardHandler)},
	}
	if change != nil {
		change(&r.config, &r.deps)
	}
	r.url = "http://" + r.deps.Production.Addr().String()
	r.staging = "http://" + r.deps.Staging.Addr().String()
	edge, err := traffic.New(r.config, r.deps)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- edge.Run(ctx) }()
	stopped := false
	r.stop = func() error {
		cancel()
		if stopped {
			return nil
		}
		stopped = true
		return <-ended
	}
	r.Client = traffic.NewClient(r.config.Socket)
	tb.Cleanup(func() {
		r.Close()
		if err := r.stop(); err != nil {
			tb.Errorf("edge ended with %v", err)
		}
	})
	eventually(tb, "the edge answers", func() bool {
		_, err := r.Status(tb.Context())
		return err == nil
	})
	return r
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// eventually polls until the condition holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			tb.Fatalf("it never came true that %s", what)
		case <-tick.C:
		}
	}
}

// route puts a route for the app "a" at the host "a" on production.
func (r *rig) route(tb testing.TB, stable, canary *traffic.Target, weight float64) {
	tb.Helper()
	r.version++
	err := r.PutTable(tb.Context(), traffic.Table{Version: r.version, Routes: []traffic.Route{{
		App: "a", Version: r.version, Listener: traffic.Production, Hosts: []string{"a"},
		Stable: stable, Canary: canary, Weight: weight, Drain: quantity.Duration(time.Second),
	}}})
	if err != nil {
		tb.Fatal(err)
	}
}

// backend starts a version of the app that answers with h.
func backend(tb testing.TB, label string, h http.HandlerFunc) *traffic.Target {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return at(label, s)
}

func at(label string, s *httptest.Server) *traffic.Target {
	return target(label, s.Listener.Addr().String())
}

// named is a version that answers with its label.
func named(tb testing.TB, label string) *traffic.Target {
	tb.Helper()
	return backend(tb, label, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, label)
	})
}

// refusing is a version whose address nobody listens on.
func refusing(tb testing.TB, label string) *traffic.Target {
	tb.Helper()
	l := listen(tb)
	defer l.Close()
	return target(label, l.Addr().String())
}

func request(tb testing.TB, method, url, host, body string) *http.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Host = host
	return req
}

// do makes a request for the host "a" on a connection of its own.
func (r *rig) do(tb testing.TB, method, body string) (status int, text string) {
	tb.Helper()
	return send(tb, request(tb, method, r.url, "a", body))
}

func send(tb testing.TB, req *http.Request) (status int, text string) {
	tb.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res.StatusCode, string(data)
}

// label returns what the status says about a version of the app.
func (r *rig) label(tb testing.TB, label string) traffic.VersionStatus {
	tb.Helper()
	status, err := r.Status(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	for _, route := range status.Routes {
		for _, v := range route.Versions {
			if v.Label == label {
				return v
			}
		}
	}
	tb.Fatalf("status has no version %q: %+v", label, status)
	return traffic.VersionStatus{}
}

// cohorts returns what is closed and not acknowledged.
func (r *rig) cohorts(tb testing.TB) []traffic.Cohort {
	tb.Helper()
	got, err := r.Cohorts(tb.Context(), "", 0)
	if err != nil {
		tb.Fatal(err)
	}
	return got.Cohorts
}
