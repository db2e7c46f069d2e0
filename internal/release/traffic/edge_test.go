package traffic_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func TestNewRefuses(t *testing.T) {
	production, staging := listen(t), listen(t)
	defer production.Close()
	defer staging.Close()
	public, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer public.Close()
	for say, change := range map[string]func(*traffic.Config, *traffic.Deps){
		"shorter folder":              func(c *traffic.Config, _ *traffic.Deps) { c.Socket = "/" + strings.Repeat("x", 107) },
		"no file for its table":       func(c *traffic.Config, _ *traffic.Deps) { c.TableFile = "" },
		"on a loopback address":       func(_ *traffic.Config, d *traffic.Deps) { d.Staging = public },
		"no logger":                   func(_ *traffic.Config, d *traffic.Deps) { d.Log = nil },
		"production listener is a <n": func(_ *traffic.Config, d *traffic.Deps) { d.Production = nil },
	} {
		config := traffic.Config{Socket: "/run/edge.sock", TableFile: "table.json"}
		deps := traffic.Deps{Production: production, Staging: staging, Log: slog.New(slog.DiscardHandler)}
		change(&config, &deps)
		if _, err := traffic.New(config, deps); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("got %v, want an error with %q", err, say)
		}
	}
}

func TestStaleTablesAreRefused(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	r.version = 4
	r.route(t, named(t, "r1"), nil, 0)
	older := traffic.Table{Version: 4}
	other := traffic.Table{Version: 5}
	for _, table := range []traffic.Table{older, other} {
		if err := r.PutTable(t.Context(), table); !errors.Is(err, traffic.ErrStale) {
			t.Errorf("version %d: %v, want ErrStale", table.Version, err)
		}
	}
	if status, text := r.do(t, http.MethodGet, ""); status != http.StatusOK || text != "r1" {
		t.Errorf("after refused tables: %d %q", status, text)
	}
	err := r.PutTable(t.Context(), traffic.Table{Version: 6, Routes: []traffic.Route{{App: "a"}}})
	if err == nil || errors.Is(err, traffic.ErrStale) || !strings.Contains(err.Error(), `route of "a"`) {
		t.Errorf("invalid table: %v", err)
	}
}

func leased(version uint64, route uint64, stable, canary *traffic.Target, lease time.Duration) traffic.Table {
	return traffic.Table{Version: version, Routes: []traffic.Route{{
		App: "a", Version: route, Listener: traffic.Production, Hosts: []string{"a"},
		Stable: stable, Canary: canary, Weight: 1, Lease: quantity.Duration(lease),
	}}}
}

func (r *rig) lapsed(tb testing.TB) bool {
	tb.Helper()
	status, err := r.Status(tb.Context())
	if err != nil || len(status.Routes) != 1 {
		tb.Fatalf("%+v, %v", status, err)
	}
	return status.Routes[0].Lapsed
}

// The lapse is remembered over a death of the edge: a control process that comes
// back must not find the weight in force as if nothing had been.
func TestReliability11ALapsedLeaseSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir, nil)
	table := leased(1, 9, named(t, "r1"), named(t, "r2"), 300*time.Millisecond)
	if err := r.PutTable(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	if _, text := r.do(t, http.MethodGet, ""); text != "r2" {
		t.Fatalf("weight 1 sends to %q", text)
	}
	eventually(t, "the lease lapses", func() bool { return r.lapsed(t) })
	if _, text := r.do(t, http.MethodGet, ""); text != "r1" {
		t.Errorf("after the lapse %q answers", text)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = newRig(t, dir, nil)
	if err := r.PutTable(t.Context(), table); err != nil { // a renewal
		t.Fatal(err)
	}
	if _, text := r.do(t, http.MethodGet, ""); text != "r1" || !r.lapsed(t) {
		t.Errorf("after a restart and a renewal %q answers", text)
	}
	table.Version, table.Routes[0].Version = 2, 10
	if err := r.PutTable(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	if _, text := r.do(t, http.MethodGet, ""); text != "r2" || r.lapsed(t) {
		t.Errorf("with a new route %q answers", text)
	}
}

func TestEdgeStartsWithItsLastTable(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir, nil)
	before, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.version = 6
	r.route(t, named(t, "r1"), named(t, "r2"), 1)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = newRig(t, dir, nil)
	after, err := r.Status(t.Context())
	if err != nil || after.TableVersion != 7 || after.Epoch == before.Epoch {
		t.Errorf("before %+v, after %+v, %v", before, after, err)
	}
	if _, text := r.do(t, http.MethodGet, ""); text != "r2" {
		t.Errorf("%q answers", text)
	}
	if err := r.PutTable(t.Context(), traffic.Table{Version: 6}); !errors.Is(err, traffic.ErrStale) {
		t.Errorf("the version is forgotten: %v", err)
	}
}

func TestReliability26DamagedAndNewerState(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "table.json")
	if err := os.WriteFile(file, []byte(`{"format":1,"table":{"ver`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, dir, nil)
	r.route(t, named(t, "r1"), nil, 0)
	if status, _ := r.do(t, http.MethodGet, ""); status != http.StatusOK {
		t.Errorf("over a damaged file: %d", status)
	}

	if err := os.WriteFile(file, []byte(`{"format":2,"tables":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	config := traffic.Config{Socket: filepath.Join(dir, "other.sock"), TableFile: file}
	edge, err := traffic.New(config, traffic.Deps{Production: listen(t), Staging: listen(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := edge.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "newer davit") {
		t.Errorf("a newer format: %v", err)
	}
}

// A rollback takes effect even when the disk does not take it.
func TestSwapDoesNotWaitForTheDisk(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	if err := os.Mkdir(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, dir, func(c *traffic.Config, _ *traffic.Deps) { c.TableFile = filepath.Join(kept, "table.json") })
	stable, canary := named(t, "r1"), named(t, "r2")
	r.route(t, stable, canary, 1)
	if err := os.RemoveAll(kept); err != nil {
		t.Fatal(err)
	}
	back := leased(2, 2, stable, canary, 0)
	back.Routes[0].Weight = 0
	if err := r.PutTable(t.Context(), back); !errors.Is(err, traffic.ErrNotDurable) {
		t.Errorf("got %v, want ErrNotDurable", err)
	}
	if _, text := r.do(t, http.MethodGet, ""); text != "r1" {
		t.Errorf("%q answers", text)
	}
	if err := os.Mkdir(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.PutTable(t.Context(), back); err != nil {
		t.Errorf("the same table again: %v", err)
	}
	if _, err := os.Stat(r.config.TableFile); err != nil {
		t.Error("the second attempt did not write the table")
	}
}

func TestControlSocket(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir, nil)
	info, err := os.Stat(r.config.Socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
	deps := traffic.Deps{Production: listen(t), Staging: listen(t), Log: slog.New(slog.DiscardHandler)}
	second, err := traffic.New(r.config, deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another edge answers") {
		t.Errorf("a second edge: %v", err)
	}
	if _, err := r.Status(t.Context()); err != nil {
		t.Errorf("the first edge after that: %v", err)
	}

	watched := make(chan error, 1)
	go func() { watched <- r.Watch(context.Background()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Watch(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("watch of a living edge: %v", err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-watched; err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("watch of an edge that is gone: %v", err)
	}
}

// Whoever holds the duplicates keeps connections waiting while there is no edge.
func TestListenersAreHandedOver(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir, nil)
	r.route(t, named(t, "r1"), nil, 0)
	sockets, err := r.Listeners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := r.do(t, http.MethodGet, ""); status != http.StatusOK {
		t.Errorf("the edge does not accept any more: %d", status)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan string, 1)
	go func() {
		_, text := r.do(t, http.MethodGet, "") // connects to nobody, and waits
		answered <- text
	}()
	next := newRig(t, dir, func(_ *traffic.Config, d *traffic.Deps) {
		d.Production.Close()
		d.Staging.Close()
		if d.Production, err = net.FileListener(sockets.Production); err != nil {
			t.Fatal(err)
		}
		if d.Staging, err = net.FileListener(sockets.Staging); err != nil {
			t.Fatal(err)
		}
	})
	if err := sockets.Close(); err != nil {
		t.Error(err)
	}
	if text := <-answered; text != "r1" {
		t.Errorf("the request that waited got %q", text)
	}
	if next.url != r.url || next.staging != r.staging {
		t.Errorf("sockets came as %s and %s, want %s and %s", next.url, next.staging, r.url, r.staging)
	}
}

func TestOrderlyEndLetsRequestsFinish(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	r.route(t, backend(t, "r1", func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "done")
	}), nil, 0)
	answered := make(chan string)
	go func() {
		_, text := r.do(t, http.MethodGet, "")
		answered <- text
	}()
	<-entered
	ended := make(chan error)
	go func() { ended <- r.stop() }()
	eventually(t, "the edge stops accepting", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if status, err := r.Status(t.Context()); err != nil || status.Routes[0].Versions[0].InFlight != 1 {
		t.Errorf("status during the grace: %+v, %v", status, err)
	}
	close(leave)
	if text := <-answered; text != "done" {
		t.Errorf("got %q", text)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestGraceEnds(t *testing.T) {
	r := newRig(t, t.TempDir(), func(c *traffic.Config, _ *traffic.Deps) { c.Grace = 50 * time.Millisecond })
	entered := make(chan struct{})
	r.route(t, backend(t, "r1", func(_ http.ResponseWriter, req *http.Request) {
		close(entered)
		<-req.Context().Done()
	}), nil, 0)
	failed := make(chan error)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(request(t, http.MethodGet, r.url, "a", ""))
		if err == nil {
			res.Body.Close()
		}
		failed <- err
	}()
	<-entered
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("a request that was cut got an answer")
	}
}
