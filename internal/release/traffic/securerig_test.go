package traffic_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// authority signs certificates for a test.
type authority struct {
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	serial int64
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	a := &authority{key: newSigner(tb), serial: 1}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(tb, template, template, a.key)
	return a
}

func newSigner(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func (a *authority) sign(tb testing.TB, template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// issue returns a certificate with its key in PEM.
func (a *authority) issue(tb testing.TB, until time.Duration, names ...string) string {
	tb.Helper()
	key := newSigner(tb)
	a.serial++
	c := a.sign(tb, &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(until),
	}, a.cert, key)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// secureRig is an edge with a listener for TLS.
type secureRig struct {
	*rig
	*authority
	https string // address of the secure listener
}

// newSecureRig starts an edge that shows certificates for some names.
func newSecureRig(tb testing.TB, s traffic.Secure, names ...string) *secureRig {
	tb.Helper()
	r := newBareRig(tb, tb.TempDir(), nil)
	for _, name := range names {
		s.Certificates = append(s.Certificates, r.issue(tb, time.Hour, name))
	}
	if err := r.PutSecure(tb.Context(), s); err != nil {
		tb.Fatal(err)
	}
	return r
}

func newBareRig(tb testing.TB, dir string, change func(*traffic.Config, *traffic.Deps)) *secureRig {
	tb.Helper()
	r := newRig(tb, dir, func(c *traffic.Config, d *traffic.Deps) {
		d.Secure, c.SecureFile = listen(tb), filepath.Join(dir, "secure.json")
		if change != nil {
			change(c, d)
		}
	})
	return &secureRig{rig: r, authority: newAuthority(tb), https: r.deps.Secure.Addr().String()}
}

func (r *secureRig) trust(name string, protocols ...string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(r.cert)
	return &tls.Config{RootCAs: roots, ServerName: name, NextProtos: protocols}
}

func (r *secureRig) dialTLS(tb testing.TB, name string, protocols ...string) net.Conn {
	tb.Helper()
	c, err := tls.Dial("tcp", r.https, r.trust(name, protocols...))
	if err != nil {
		tb.Fatal(err)
	}
	if got := c.ConnectionState().NegotiatedProtocol; len(protocols) > 0 && got != protocols[0] {
		tb.Fatalf("negotiated %q, want %q", got, protocols[0])
	}
	return c
}

// dialer returns a function that connects to the host "a" with a protocol.
func (r *secureRig) dialer(protocol string) func(testing.TB) net.Conn {
	return func(tb testing.TB) net.Conn {
		tb.Helper()
		return r.dialTLS(tb, "a", protocol)
	}
}

// transport makes requests in TLS, whatever host they are for.
func (r *secureRig) transport(tb testing.TB, protocols ...string) *http.Transport {
	tb.Helper()
	t := &http.Transport{
		TLSClientConfig: r.trust("", protocols...),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", r.https)
		},
		ForceAttemptHTTP2: len(protocols) == 0,
	}
	tb.Cleanup(t.CloseIdleConnections)
	return t
}
