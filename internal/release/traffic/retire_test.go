package traffic_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// An edge that retires leaves its sockets to the next one, answers what comes on
// kept connections with word that they end, and finishes what is in flight.
func TestRetireLosesNothing(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		r := newBareRig(t, t.TempDir(), nil)
		r.retireLosesNothing(t, r.url, func() *http.Transport { return &http.Transport{} })
	})
	t.Run("TLS", func(t *testing.T) {
		r := newSecureRig(t, traffic.Secure{Redirect: true}, "a")
		r.retireLosesNothing(t, "https://a", func() *http.Transport { return r.transport(t, "http/1.1") })
	})
}

func (r *secureRig) retireLosesNothing(t *testing.T, url string, connect func() *http.Transport) {
	t.Helper()
	old, dir := r.rig, filepath.Dir(r.config.Socket)
	entered, leave := make(chan struct{}), make(chan struct{})
	app := backend(t, "r1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-leave
		}
		_, _ = io.WriteString(w, r.URL.Path)
	})
	old.route(t, app, nil, 0)
	kept := connect()
	defer kept.CloseIdleConnections()
	once := func() *http.Transport {
		transport := connect()
		transport.DisableKeepAlives = true
		return transport
	}
	ask := func(transport *http.Transport, path string) (*http.Response, string) {
		t.Helper()
		res, err := transport.RoundTrip(request(t, http.MethodPost, url+path, "a", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	if res, _ := ask(kept, "/before"); res.Close {
		t.Error("a connection ends before there is a reason")
	}
	slow := make(chan string)
	go func() {
		_, body := ask(once(), "/slow")
		slow <- body
	}()
	<-entered

	sockets, err := old.Listeners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sockets.Close() }()
	if err := old.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	// It waits in the queue of the socket until there is an edge.
	waiting := make(chan string)
	go func() {
		_, body := ask(once(), "/waiting")
		waiting <- body
	}()
	if res, body := ask(kept, "/kept"); body != "/kept" || !res.Close {
		t.Errorf("on the kept connection: %q, end said: %t", body, res.Close)
	}
	next := newBareRig(t, dir, func(_ *traffic.Config, d *traffic.Deps) {
		d.Production.Close()
		d.Staging.Close()
		d.Secure.Close()
		if d.Secure, err = net.FileListener(sockets.Secure); err != nil {
			t.Fatal(err)
		}
		if d.Production, err = net.FileListener(sockets.Production); err != nil {
			t.Fatal(err)
		}
		if d.Staging, err = net.FileListener(sockets.Staging); err != nil {
			t.Fatal(err)
		}
	})
	if status, err := next.Status(t.Context()); err != nil || status.TableVersion != 1 {
		t.Errorf("the next edge has table %d, %v", status.TableVersion, err)
	}
	if body := <-waiting; body != "/waiting" {
		t.Errorf("waiting: %q", body)
	}
	close(leave)
	if body := <-slow; body != "/slow" {
		t.Errorf("in flight: %q", body)
	}
}
