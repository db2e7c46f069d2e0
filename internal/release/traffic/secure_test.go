package traffic_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/davit-dev/davit/internal/release/traffic"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// TestCertificatesAreChosenByName: exactly, then by a wildcard; for any other name,
// and without one, the handshake is refused.
func TestCertificatesAreChosenByName(t *testing.T) {
	r := newSecureRig(t, traffic.Secure{}, "a", "*.b.localhost", "x.b.localhost")
	for name, want := range map[string]string{"a": "a", "A": "a", "x.b.localhost": "x.b.localhost", "y.b.localhost": "*.b.localhost"} {
		c, ok := r.dialTLS(t, name).(*tls.Conn)
		if !ok {
			t.Fatal("no TLS")
		}
		if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != want {
			t.Errorf("for %s the certificate of %s is shown", name, got)
		}
		_ = c.Close()
	}
	for _, name := range []string{"", "other", "b.localhost", "x.y.b.localhost"} {
		config := r.trust(name)
		config.InsecureSkipVerify = true // the edge refuses, not the client
		_, err := tls.Dial("tcp", r.https, config)
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("for %q: %v, want the alert unrecognized_name", name, err)
		}
	}
	old := r.trust("a")
	old.MaxVersion = tls.VersionTLS11
	if _, err := tls.Dial("tcp", r.https, old); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	eventually(t, "the handshakes that failed are counted", func() bool { // the client hears of it first
		text, err := r.Metrics(t.Context())
		return err == nil && strings.Contains(string(text), "\ndavit_edge_failed_handshakes_total 5\n")
	})
}

// TestRequestsInTLSAreProduction: they have the same routes, cohorts and sessions,
// and apps and browsers are told that they came in TLS.
func TestRequestsInTLSAreProduction(t *testing.T) {
	r := newSecureRig(t, traffic.Secure{HSTS: quantity.Duration(time.Hour)}, "a")
	app := func(label string) *traffic.Target {
		return backend(t, label, func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/own" {
				w.Header().Set("Strict-Transport-Security", "max-age=1")
			}
			_, _ = io.WriteString(w, req.Header.Get("X-Forwarded-Proto"))
		})
	}
	r.routeSessions(t, traffic.Affinity{By: traffic.ByCookie}, app("r1"), app("r2"), 0.5)
	for _, protocol := range []string{"http/1.1", "h2"} {
		transport := r.transport(t, protocol)
		transport.ForceAttemptHTTP2 = protocol == "h2"
		for path, hsts := range map[string]string{"/": "max-age=3600", "/own": "max-age=1"} {
			res, err := transport.RoundTrip(request(t, http.MethodGet, "https://a"+path, "a", ""))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			if err != nil || string(text) != "https" || (res.ProtoMajor == 2) != (protocol == "h2") {
				t.Errorf("%s: the app was told %q, %v", res.Proto, text, err)
			}
			_ = res.Body.Close()
			if got := res.Header.Values("Strict-Transport-Security"); len(got) != 1 || got[0] != hsts {
				t.Errorf("%s in %s says %q, want %q", path, protocol, got, hsts)
			}
			if c := res.Cookies(); len(c) != 1 || !c[0].Secure {
				t.Errorf("%s in %s gives the cookies %v, want a secure one", path, protocol, c)
			}
		}
	}
	eventually(t, "all are counted", func() bool {
		stable, canary := scored(r.cohorts(t))
		return stable+canary == 4
	})
}

func TestOtherProtocolsInTLS(t *testing.T) {
	r := newSecureRig(t, traffic.Secure{}, "a")
	r.route(t, backend(t, "r1", echo), nil, 0)
	client := &http.Client{Transport: r.transport(t, "http/1.1")}
	c, _, err := websocket.Dial(t.Context(), "wss://a/", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a\x00\n", "b"} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != text {
			t.Fatalf("the WebSocket echoes %q, %v", got, err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}

	goOn := make(chan struct{})
	r.route(t, backend(t, "r2", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 2 {
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
			<-goOn
		}
	}), nil, 0)
	res, err := client.Do(request(t, http.MethodGet, "https://a/", "a", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewReader(res.Body); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line == "data: x\n" {
			goOn <- struct{}{}
		}
	}

	_, service := newCallee(t)
	r.route(t, service, nil, 0)
	conn, err := grpc.NewClient("passthrough:///"+r.https, grpc.WithTransportCredentials(credentials.NewTLS(r.trust("a"))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	both, err := pb.NewTestServiceClient(conn).FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for size := range 3 {
		if err := both.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, size+1)}}); err != nil {
			t.Fatal(err)
		}
		if m, err := both.Recv(); err != nil || len(m.Payload.Body) != size+1 {
			t.Fatalf("the stream answers %v, %v", m, err)
		}
	}
}

// TestPlainRequestsAreSentToHTTPS, where that leads anywhere, and are no units.
func TestPlainRequestsAreSentToHTTPS(t *testing.T) {
	r := newBareRig(t, t.TempDir(), nil)
	shown := traffic.Secure{Redirect: true, Port: 8443, Certificates: []string{r.issue(t, time.Hour, "a")}}
	put := func() {
		t.Helper()
		if err := r.PutSecure(t.Context(), shown); err != nil {
			t.Fatal(err)
		}
	}
	put()
	r.route(t, named(t, "r1"), named(t, "r2"), 0.5)
	ask := func(method, path string) (int, string) {
		t.Helper()
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request(t, method, r.url+path, "A:80", "x"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header.Get("Location")
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if code, to := ask(method, "//b/c%2F?d=%20"); code != http.StatusPermanentRedirect || to != "https://a:8443//b/c%2F?d=%20" {
			t.Errorf("%s: %d to %q", method, code, to)
		}
	}
	if got := r.raw(t, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.Contains(got, "\r\nLocation: https://a:8443/\r\n") {
		t.Errorf("OPTIONS * is answered %q", got)
	}
	shown.Port = 443
	put()
	if code, to := ask(http.MethodGet, "/x"); code != http.StatusPermanentRedirect || to != "https://a/x" {
		t.Errorf("at port 443: %d to %q", code, to)
	}
	shown.Port = 0
	put()
	if _, to := ask(http.MethodGet, "/x"); to != "https://"+strings.Replace(r.https, "127.0.0.1", "a", 1)+"/x" {
		t.Errorf("at the listener's port: to %q", to)
	}
	if v := r.label(t, "r1"); v.Requests+r.label(t, "r2").Requests != 0 {
		t.Error("a request that was sent elsewhere was drawn")
	}
	if code, _ := ask(http.MethodGet, "/.well-known/acme-challenge/x"); code != http.StatusOK {
		t.Errorf("a challenge of the app's own is answered %d", code)
	}
	shown.Certificates = []string{r.issue(t, -time.Minute, "a")}
	put()
	if code, _ := ask(http.MethodGet, "/"); code != http.StatusOK {
		t.Errorf("with an expired certificate: %d", code)
	}
	shown.Certificates, shown.Redirect = []string{r.issue(t, time.Hour, "a")}, false
	put()
	if code, _ := ask(http.MethodGet, "/"); code != http.StatusOK {
		t.Errorf("without redirections: %d", code)
	}
}

// TestChallengesAreControls for as long as they are under way.
func TestChallengesAreControls(t *testing.T) {
	r := newBareRig(t, t.TempDir(), nil)
	r.route(t, named(t, "r1"), nil, 0)
	control := backend(t, "control", func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, req.Host+req.URL.Path)
	})
	const path = "/.well-known/acme-challenge/token"
	ask := func(host string) (int, string) {
		t.Helper()
		return send(t, request(t, http.MethodGet, r.url+path, host, ""))
	}
	put := func(at string, hosts ...string) error {
		return r.PutChallenges(t.Context(), traffic.Challenges{At: at, Hosts: hosts})
	}
	if code, text := ask("a"); code != 200 || text != "r1" {
		t.Errorf("before: %d %s", code, text)
	}
	if err := put(control.Addresses[0], "A", "new"); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"a", "new"} { // an app may come later than its certificate
		if code, text := ask(host); code != 200 || text != host+path {
			t.Errorf("under way: %d %s", code, text)
		}
	}
	if code, _ := ask("other"); code != http.StatusNotFound {
		t.Errorf("for another host: %d", code)
	}
	if err := put(refusing(t, "gone").Addresses[0], "a"); err != nil {
		t.Fatal(err)
	}
	if code, _ := ask("a"); code != http.StatusBadGateway {
		t.Errorf("without control: %d", code)
	}
	if put("192.0.2.1:80", "a") == nil || put("127.0.0.1:80", "a/b") == nil {
		t.Error("challenges from elsewhere, or for no host, were taken")
	}
	if err := put(""); err != nil {
		t.Fatal(err)
	}
	if code, text := ask("a"); code != 200 || text != "r1" {
		t.Errorf("after: %d %s", code, text)
	}
}

// TestReliability17SlowHandshakes: who does not come through the handshake is let
// go as one who sends no request.
func TestReliability17SlowHandshakes(t *testing.T) {
	r := newBareRig(t, t.TempDir(), func(c *traffic.Config, _ *traffic.Deps) {
		c.Limits = traffic.Limits{HeaderTime: 200 * time.Millisecond}
	})
	for name, sent := range map[string]string{
		"silent": "", "half a hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		c, err := net.Dial("tcp", r.https)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, sent)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Read(make([]byte, 100)); err == nil || isTimeout(err) {
			t.Errorf("%s: %v, want the end of the connection", name, err)
		}
	}
	if err := r.PutSecure(t.Context(), traffic.Secure{Certificates: []string{r.issue(t, time.Hour, "a")}}); err != nil {
		t.Fatal(err)
	}
	c := r.dialTLS(t, "a") // and then says nothing
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Read(make([]byte, 100)); err == nil || isTimeout(err) {
		t.Errorf("after the handshake: %v, want the end of the connection", err)
	}
}

// TestCertificatesOutliveTheEdge, those that are not damaged.
func TestCertificatesOutliveTheEdge(t *testing.T) {
	dir := t.TempDir()
	r := newBareRig(t, dir, nil)
	good, other := r.issue(t, time.Hour, "a"), r.issue(t, time.Hour, "b")
	shown := traffic.Secure{Redirect: true, Certificates: []string{good, other}}
	if err := r.PutSecure(t.Context(), shown); err != nil {
		t.Fatal(err)
	}
	kept := r.dialTLS(t, "a", "http/1.1")
	defer kept.Close()
	if err := r.PutSecure(t.Context(), traffic.Secure{Certificates: []string{good, "no certificate"}}); err == nil {
		t.Error("what is no certificate was taken")
	}
	if got := overRaw(t, kept, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("on a connection from before: %q", got)
	}
	file := r.config.SecureFile
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keys are kept in %v, %v", info.Mode(), err)
	}
	restart := func(damage func([]byte) []byte) *secureRig {
		t.Helper()
		data, err := os.ReadFile(file)
		if err == nil && damage != nil {
			err = os.WriteFile(file, damage(data), 0o600)
		}
		if err == nil {
			err = r.stop()
		}
		if err != nil {
			t.Fatal(err)
		}
		next := newBareRig(t, dir, nil)
		next.authority = r.authority
		r = next
		return next
	}
	next := restart(nil)
	next.dialTLS(t, "a").Close()
	next.dialTLS(t, "b").Close()
	// Of the second certificate the beginning is changed.
	next = restart(func(data []byte) []byte {
		i := bytes.LastIndex(data, []byte("BEGIN CERTIFICATE-----")) + 30
		data[i] = data[i]&1 + 'A'
		data[i+1] = '!'
		return data
	})
	next.dialTLS(t, "a").Close()
	if _, err := tls.Dial("tcp", next.https, next.trust("b")); err == nil {
		t.Error("a damaged certificate is shown")
	}
	next = restart(func(data []byte) []byte { return data[:len(data)/2] })
	if _, err := tls.Dial("tcp", next.https, next.trust("a")); err == nil {
		t.Error("half a file is taken")
	}
	if _, err := next.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnEdgeWithoutTLSTakesNoCertificates(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	if err := r.PutSecure(t.Context(), traffic.Secure{}); err == nil {
		t.Error("it does")
	}
	if s, err := r.Status(t.Context()); err != nil || s.Secure != "" {
		t.Errorf("it says that it has %q, %v", s.Secure, err)
	}
	sockets, err := r.Listeners(t.Context())
	if err != nil || sockets.Secure != nil {
		t.Fatalf("it hands over %+v, %v", sockets, err)
	}
	_ = sockets.Close()
}
