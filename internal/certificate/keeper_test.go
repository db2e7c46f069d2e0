package certificate_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/certificate"
	"github.com/davit-dev/davit/internal/certificate/acmetest"
)

// The host that a CA is asked for, and that nobody outside of this machine is.
const public = "orders.davit.dev"

// TestTheOwnAuthoritySigns what no CA is asked for, renews it in time, and is the same
// after the next start.
func TestTheOwnAuthoritySigns(t *testing.T) {
	const host = "orders.localhost"
	f := newFront(t, host)
	cfg := certificate.Config{Folder: filepath.Join(t.TempDir(), "certificates"), Life: 9 * time.Second, Check: 100 * time.Millisecond}
	k, stop := keep(t, cfg, f, f, io.Discard)
	k.Manage([]string{host, "127.0.0.1"})
	roots := ownRoots(t, cfg.Folder)
	eventually(t, "a certificate is shown", func() bool { return f.shown(t, host, roots) != nil })
	first := f.shown(t, host, roots)
	status := k.Status()
	if len(status) != 2 || status[1].Host != host || status[1].Issuer != certificate.Own || !status[1].NotAfter.Equal(first.NotAfter) || status[1].Error != "" {
		t.Errorf("the status is %+v", status)
	}
	if !strings.Contains(status[0].Error, "no name that a certificate can have") {
		t.Errorf("of an address it says %+v", status[0])
	}
	for _, file := range []string{cfg.Folder, certificate.KeyFile(cfg.Folder)} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v %v", file, info.Mode(), err)
		}
	}
	eventually(t, "another one is shown", func() bool {
		c := f.shown(t, host, roots)
		return c != nil && c.SerialNumber.Cmp(first.SerialNumber) != 0
	})
	if n := len(f.noted()); n < 2 {
		t.Errorf("%d certificates are in the journal", n)
	}
	stop()
	f.mu.Lock()
	f.shows = nil
	f.mu.Unlock()
	k, _ = keep(t, cfg, f, f, io.Discard)
	time.AfterFunc(100*time.Millisecond, func() { k.Manage([]string{host}) }) // as control, which has to read first
	eventually(t, "it is shown after the next start", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.shows) > 0
	})
	if f.shown(t, host, roots) == nil {
		t.Error("it is not shown after the next start")
	}
	f.mu.Lock()
	if slices.Contains(f.shows, 0) {
		t.Errorf("the next start has taken it away: %v", f.shows)
	}
	f.mu.Unlock()
	k.Manage(nil)
	eventually(t, "it is not shown any more", func() bool { return f.shown(t, host, roots) == nil })
}

// TestDamagedCertificatesAreMadeAnew, as after a key was written and its certificate
// was not.
func TestDamagedCertificatesAreMadeAnew(t *testing.T) {
	const host = "orders.localhost"
	f := newFront(t, host)
	cfg := certificate.Config{Folder: t.TempDir()}
	k, stop := keep(t, cfg, f, f, io.Discard)
	k.Manage([]string{host})
	roots := ownRoots(t, cfg.Folder)
	eventually(t, "a certificate is shown", func() bool { return f.shown(t, host, roots) != nil })
	first := f.shown(t, host, roots)
	stop()
	keys, err := filepath.Glob(filepath.Join(cfg.Folder, "store/certificates/*/*/*.key"))
	if err != nil || len(keys) != 1 {
		t.Fatalf("the keys are %v, %v", keys, err)
	}
	other, err := os.ReadFile(certificate.KeyFile(cfg.Folder))
	if err == nil {
		err = os.WriteFile(keys[0], other, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	k, _ = keep(t, cfg, f, f, io.Discard)
	k.Manage([]string{host})
	eventually(t, "another one is shown", func() bool {
		c := f.shown(t, host, roots)
		return c != nil && c.SerialNumber.Cmp(first.SerialNumber) != 0
	})
}

// TestACMEIssuesAndRenews through the edge's plain listener, under load.
func TestACMEIssuesAndRenews(t *testing.T) {
	f := newFront(t, public)
	ca := acmetest.Start(t, f.port, 18*time.Second)
	cfg := certificate.Config{
		Folder: t.TempDir(), Check: 100 * time.Millisecond,
		ACME: certificate.ACME{Email: "ops@davit.dev", Directory: ca.Directory, RootFile: ca.RootFile},
	}
	k, _ := keep(t, cfg, f, f, io.Discard)
	k.Manage([]string{public, "orders.localhost"})
	eventually(t, "both are shown", func() bool {
		return f.shown(t, public, ca.Roots()) != nil && f.shown(t, "orders.localhost", ownRoots(t, cfg.Folder)) != nil
	})
	first := f.shown(t, public, ca.Roots())
	if s := k.Status(); s[0].Host != public || s[0].Issuer != certificate.Acme || s[0].Serial == "" {
		t.Errorf("the status is %+v", s)
	}
	// One connection stays, others come.
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: ca.Roots()},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", f.https)
		},
	}
	defer transport.CloseIdleConnections()
	fresh := transport.Clone()
	fresh.DisableKeepAlives = true
	var asked, failed atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			asked.Add(1)
			by := transport
			if i%5 == 0 {
				by = fresh
			}
			if !asks(by, "https://"+public) {
				failed.Add(1)
			}
		}
	}()
	eventually(t, "another one is shown", func() bool {
		c := f.shown(t, public, ca.Roots())
		return c != nil && c.SerialNumber.Cmp(first.SerialNumber) != 0
	})
	close(done)
	<-ended
	if failed.Load() > 0 || asked.Load() == 0 {
		t.Errorf("of %d requests %d failed", asked.Load(), failed.Load())
	}
	if got := f.noted(); len(got) < 3 {
		t.Errorf("the journal has %+v", got)
	}
}

func asks(by *http.Transport, url string) bool {
	req, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := by.RoundTrip(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return err == nil && string(text) == public
}

// TestACMEIsTriedAgain: a CA that is away is in the status and once in the log, costs
// other names and plain traffic nothing, and is asked until it answers.
func TestACMEIsTriedAgain(t *testing.T) {
	f := newFront(t, public)
	ca := acmetest.Start(t, f.port, time.Hour)
	ca.Down()
	cfg := certificate.Config{
		Folder: t.TempDir(), Retry: 500 * time.Millisecond,
		ACME: certificate.ACME{Email: "ops@davit.dev", Directory: ca.Directory, RootFile: ca.RootFile},
	}
	log := &safe{}
	k, _ := keep(t, cfg, f, f, log)
	k.Manage([]string{public, "orders.localhost"})
	eventually(t, "the failure is in the status", func() bool {
		s := k.Status()
		return s[0].Error != "" && s[0].Failures > 0 && !s[0].Retry.IsZero() && s[0].Issuer == certificate.Acme
	})
	eventually(t, "the other one is shown", func() bool { return f.shown(t, "orders.localhost", ownRoots(t, cfg.Folder)) != nil })
	if !asks(&http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", f.plain)
	}}, "http://"+public) {
		t.Error("plain traffic does not go on")
	}
	failures := k.Status()[0].Failures
	ca.Up(t)
	eventually(t, "it is had", func() bool { return f.shown(t, public, ca.Roots()) != nil })
	s := k.Status()[0]
	if s.Error != "" || s.Failures < failures {
		t.Errorf("afterwards the status is %+v", s)
	}
	if n := strings.Count(log.String(), "level=WARN"); uint64(n) != s.Failures {
		t.Errorf("%d failures are %d warnings:\n%s", s.Failures, n, log)
	}
}

// busy is an edge that takes no challenges for some time.
type busy struct {
	*front
	left atomic.Int64
}

// Challenge implements certificate.Edge.
func (b *busy) Challenge(ctx context.Context, at string, hosts []string) error {
	if len(hosts) > 0 && b.left.Add(-1) >= 0 {
		return errors.New("not now")
	}
	return b.front.Challenge(ctx, at, hosts)
}

// TestAnEdgeThatIsNotReadyIsNoReasonToWaitLong, for a CA was not asked.
func TestAnEdgeThatIsNotReadyIsNoReasonToWaitLong(t *testing.T) {
	f := &busy{front: newFront(t, public)}
	f.left.Store(8) // with pauses that grow, that would be minutes
	ca := acmetest.Start(t, f.port, time.Hour)
	cfg := certificate.Config{
		Folder: t.TempDir(), Retry: 50 * time.Millisecond,
		ACME: certificate.ACME{Email: "ops@davit.dev", Directory: ca.Directory, RootFile: ca.RootFile},
	}
	k, _ := keep(t, cfg, f, f, io.Discard)
	k.Manage([]string{public})
	eventually(t, "it is had", func() bool { return f.shown(t, public, ca.Roots()) != nil })
	if s := k.Status()[0]; s.Failures != 8 || s.Error != "" {
		t.Errorf("the status is %+v", s)
	}
}
