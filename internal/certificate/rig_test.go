package certificate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/certificate"
	"github.com/davit-dev/davit/internal/release/traffic"
)

// front is a real edge as the Keeper sees it, and the journal.
type front struct {
	*traffic.Client
	plain, https string // addresses
	port         int    // of plain

	mu    sync.Mutex
	notes []certificate.Entry
	shows []int // how many certificates were shown, each time
}

// Show implements certificate.Edge.
func (f *front) Show(ctx context.Context, all []string) error {
	f.mu.Lock()
	f.shows = append(f.shows, len(all))
	f.mu.Unlock()
	return f.PutSecure(ctx, traffic.Secure{Certificates: all})
}

// Challenge implements certificate.Edge.
func (f *front) Challenge(ctx context.Context, at string, hosts []string) error {
	return f.PutChallenges(ctx, traffic.Challenges{At: at, Hosts: hosts})
}

// Obtained implements certificate.Journal.
func (f *front) Obtained(_ context.Context, e certificate.Entry, _ bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = append(f.notes, e)
	return nil
}

func (f *front) noted() []certificate.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]certificate.Entry{}, f.notes...)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newFront starts an edge with an app for some hosts.
func newFront(t *testing.T, hosts ...string) *front {
	t.Helper()
	dir := t.TempDir()
	deps := traffic.Deps{Production: listen(t), Staging: listen(t), Secure: listen(t), Log: slog.New(slog.DiscardHandler)}
	edge, err := traffic.New(traffic.Config{
		Socket: filepath.Join(dir, "edge.sock"), TableFile: filepath.Join(dir, "table.json"), Grace: time.Second,
	}, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- edge.Run(ctx) }()
	f := &front{
		Client: traffic.NewClient(filepath.Join(dir, "edge.sock")), plain: deps.Production.Addr().String(),
		https: deps.Secure.Addr().String(), port: deps.Production.Addr().(*net.TCPAddr).Port,
	}
	t.Cleanup(func() {
		f.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	t.Cleanup(app.Close)
	table := traffic.Table{Version: 1, Routes: []traffic.Route{{
		App: "a", Version: 1, Listener: traffic.Production, Hosts: hosts,
		Stable: &traffic.Target{Label: "r1", Addresses: []string{app.Listener.Addr().String()}},
	}}}
	eventually(t, "the edge takes its table", func() bool { return f.PutTable(t.Context(), table) == nil })
	return f
}

// shown returns the certificate that is shown for a host, if it can be verified.
func (f *front) shown(t *testing.T, host string, roots *x509.CertPool) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", f.https, &tls.Config{RootCAs: roots, ServerName: host})
	if err != nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0]
}

// keep runs a Keeper until the test ends, or the function is called.
func keep(t *testing.T, cfg certificate.Config, f certificate.Edge, j certificate.Journal, log io.Writer) (*certificate.Keeper, func()) {
	t.Helper()
	k, err := certificate.New(cfg, certificate.Deps{Edge: f, Journal: j, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return k, stop
}

// safe is a buffer that is written to by some.
type safe struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func ownRoots(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(certificate.RootFile(folder))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("the root is not in PEM")
	}
	return pool
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("it never came true that %s", what)
		case <-tick.C:
		}
	}
}
