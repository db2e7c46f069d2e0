package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/certificate/acmetest"
)

// tlsClient trusts some roots and finds every host at the edge's secure listener.
func (p *platform) tlsClient(roots *x509.CertPool) *http.Client {
	address := p.status().Edge.Secure
	return &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{RootCAs: roots},
			DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
				if strings.HasSuffix(to, ":443") {
					to = address
				}
				return (&net.Dialer{}).DialContext(ctx, network, to)
			},
		},
	}
}

func (p *platform) ownRoots() *x509.CertPool {
	p.t.Helper()
	text, err := os.ReadFile(p.status().Edge.CA)
	if err != nil {
		p.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// gives says whether an app answers a URL.
func gives(client *http.Client, url string) bool {
	defer client.CloseIdleConnections()
	res, err := client.Get(url)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

const secureURL = "https://orders.localhost/orders/1"

// TestHTTPSByTheOwnCA: what is shipped answers in TLS, and goes on to when control or
// the edge is killed, and from a backup.
func TestHTTPSByTheOwnCA(t *testing.T) {
	p := newPlatform(t, "--edge-tls", "127.0.0.1:0", "--hsts", "365d")
	p.must(ordersSource(t, "v1", "0", "1s"), "ship", "--skip-tests")
	roots := p.ownRoots()
	client := p.tlsClient(roots)
	until(t, "an answer in TLS", 20*time.Second, func() bool { return gives(client, secureURL) })
	p.plainIsRedirected(t)
	p.curlAgrees(t)

	before := p.status()
	if c := before.Apps[0].Certificates; len(c) != 1 || c[0].Host != "orders.localhost" || c[0].Issuer != "own" || c[0].NotAfter == nil {
		t.Errorf("the status has the certificates %+v", c)
	}
	if out := p.must("", "status"); !strings.Contains(out, "certificate of orders.localhost, issuer own: good until ") {
		t.Errorf("the status is\n%s", out)
	}
	if out := p.must("", "audit", "list"); !strings.Contains(out, "certificate") {
		t.Errorf("the journal is\n%s", out)
	}
	_, metrics := p.get(t, before.Page+"/metrics", nil)
	if !strings.Contains(metrics, `davit_certificate_not_after_seconds{host="orders.localhost",issuer="own"} 1`) {
		t.Error("the metrics do not have it")
	}

	load := startLoadWith(t, client, "", "orders.localhost", secureURL, 100)
	p.kill()
	if !gives(p.secureAt(before.Edge.Secure, roots), secureURL) {
		t.Error("without control there is no answer in TLS")
	}
	p.start()
	p.upgrade()
	until(t, "the new edge", 30*time.Second, func() bool {
		s := p.status()
		return s.Edge.PID > 0 && s.Edge.PID != before.Edge.PID
	})
	if sent, failed, reasons := load.end(); failed > 0 {
		t.Errorf("%d of %d requests failed: %v", failed, sent, reasons)
	}

	if err := syscall.Kill(p.status().Edge.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "an answer of the next edge", 20*time.Second, func() bool { return gives(client, secureURL) })

	file := filepath.Join(p.home, "backup.tar.gz")
	p.must("", "backup", "-o", file)
	p.must("", "down")
	if err := os.RemoveAll(p.data); err != nil {
		t.Fatal(err)
	}
	p.must("", "restore", file)
	p.start()
	client = p.tlsClient(roots)
	until(t, "an answer of the restored app, by the same CA", 30*time.Second, func() bool { return gives(client, secureURL) })
	if c := p.status().Apps[0].Certificates; len(c) != 1 || c[0].Serial != before.Apps[0].Certificates[0].Serial {
		t.Errorf("the restored certificates are %+v", c)
	}
}

// secureAt is tlsClient without asking control.
func (p *platform) secureAt(address string, roots *x509.CertPool) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
}

func (p *platform) plainIsRedirected(t *testing.T) {
	t.Helper()
	_, port, _ := net.SplitHostPort(p.status().Edge.Secure)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.edge+"/orders/1?a=b", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "orders.localhost"
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusPermanentRedirect || to != "https://orders.localhost:"+port+"/orders/1?a=b" {
		t.Errorf("a plain request is answered %d, to %q", res.StatusCode, to)
	}
}

func (p *platform) curlAgrees(t *testing.T) {
	t.Helper()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Log("curl is not on PATH, and was not asked")
		return
	}
	s := p.status()
	for _, version := range []string{"--http1.1", "--http2"} {
		r := runCommand(t, "", os.Environ(), curl, "-sS", "-i", version, "--cacert", s.Edge.CA,
			"--connect-to", "orders.localhost:443:"+s.Edge.Secure, secureURL)
		if r.code != 0 || !strings.Contains(strings.ToLower(r.stdout), "strict-transport-security: max-age=31536000") {
			t.Errorf("curl %s: exit %d\n%s%s", version, r.code, r.stdout, r.stderr)
		}
	}
}

// TestTLSIsTurnedOnUnderLoad, and off, by starting control anew.
func TestTLSIsTurnedOnUnderLoad(t *testing.T) {
	p := newPlatform(t)
	p.must(ordersSource(t, "v1", "0", "1s"), "ship", "--skip-tests")
	load := startLoad(t, p.edge, "orders.localhost", "/orders/1", 200)
	for _, args := range [][]string{{"--edge-tls", "127.0.0.1:0", "--plain", "serve"}, nil} {
		before := p.status().Edge.PID
		p.args = args
		p.kill()
		p.start()
		until(t, "the new edge", 30*time.Second, func() bool {
			s := p.status()
			return s.Edge.PID > 0 && s.Edge.PID != before && (s.Edge.Secure != "") == (args != nil)
		})
		if args != nil {
			client := p.tlsClient(p.ownRoots())
			until(t, "an answer in TLS", 20*time.Second, func() bool { return gives(client, secureURL) })
		}
	}
	if sent, failed, reasons := load.end(); failed > 0 {
		t.Errorf("%d of %d requests failed: %v", failed, sent, reasons)
	}
}

// TestTLSWaitsForTheEndOfARelease: what the edge has counted for a verdict is worth
// more.
func TestTLSWaitsForTheEndOfARelease(t *testing.T) {
	p := newPlatform(t)
	p.must(edgeSource(t, "v1"), "ship", "--skip-tests")
	p.must(edgeSource(t, "v2"), "ship", "--skip-tests", "--detach")
	until(t, "the canary", 30*time.Second, func() bool { return p.release("orders-2").Phase == "canary" })
	before := p.status().Edge.PID
	p.args = []string{"--edge-tls", "127.0.0.1:0"}
	p.kill()
	p.start()
	if s := p.status().Edge; s.PID != before || s.Secure != "" {
		t.Errorf("with a canary under way the edge is %+v, before it was process %d", s, before)
	}
	p.must("", "abort", "orders-2")
	until(t, "TLS", 30*time.Second, func() bool { return p.status().Edge.Secure != "" })
	client := p.tlsClient(p.ownRoots())
	until(t, "an answer in TLS", 20*time.Second, func() bool { return gives(client, secureURL) })
}

// TestHTTPSFromACME has a CA look at the edge before a release is out.
func TestHTTPSFromACME(t *testing.T) {
	address := freeAddress(t)
	_, number, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	ca := acmetest.Start(t, port, time.Hour)
	p := preparePlatform(t, "--edge-tls", "127.0.0.1:0", "--acme-email", "ops@davit.dev", "--acme-directory", ca.Directory, "--acme-root", ca.RootFile)
	p.edge = address
	p.start()
	dir := ordersSource(t, "v1", "0", "1s")
	settings, err := os.ReadFile(filepath.Join(dir, "davit.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "davit.yaml", string(settings)+"hosts: [orders.davit.dev, orders.localhost]\n")
	p.must(dir, "ship", "--skip-tests")
	client := p.tlsClient(ca.Roots())
	until(t, "an answer by a certificate of the CA", 60*time.Second, func() bool { return gives(client, "https://orders.davit.dev/orders/1") })
	own := p.tlsClient(p.ownRoots())
	until(t, "an answer by an own certificate", 20*time.Second, func() bool { return gives(own, secureURL) })
	issuers := map[string]string{}
	before := p.status()
	for _, c := range before.Apps[0].Certificates {
		issuers[c.Host] = c.Issuer
	}
	if issuers["orders.davit.dev"] != "acme" || issuers["orders.localhost"] != "own" {
		t.Errorf("the certificates are %+v", before.Apps[0].Certificates)
	}
	ca.Down() // what is there is enough
	p.kill()
	p.start()
	if err := syscall.Kill(before.Edge.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "an answer of the next edge", 20*time.Second, func() bool { return gives(client, "https://orders.davit.dev/orders/1") })
	if after := p.status().Apps[0].Certificates[0]; after.Serial != before.Apps[0].Certificates[0].Serial || after.Error != "" {
		t.Errorf("after a restart the certificate is %+v", after)
	}
}
