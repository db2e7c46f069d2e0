// Package acmetest runs Let's Encrypt's test server, pebble, in the process of a
// test. It looks at nothing but loopback: every name that it is asked to check is
// there. It is for tests only, and imports nothing of the project.
package acmetest

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// Server is a CA.
type Server struct {
	Directory string // URL
	RootFile  string // in PEM: who answers at the directory
	ca        *ca.CAImpl
	handler   http.Handler
	address   string
	running   *httptest.Server
}

// Start starts a CA whose certificates are good for some seconds, and that checks names by
// HTTP at a port of this machine. It ends with the test.
func Start(tb testing.TB, httpPort int, validity time.Duration) *Server {
	tb.Helper()
	tb.Setenv("PEBBLE_VA_NOSLEEP", "1")
	tb.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	memory := db.NewMemoryStore()
	authority := ca.New(quiet, memory, "", "ecdsa", 0, 1, map[string]ca.Profile{
		"default": {Description: "default", ValidityPeriod: uint64(validity / time.Second)},
	})
	validation := va.New(quiet, httpPort, httpPort, false, resolver(tb), memory)
	front := wfe.New(quiet, memory, validation, authority, []string{"ca.localhost"}, false, false, 1, 1)
	s := &Server{ca: authority, handler: front.Handler(), address: "127.0.0.1:0"}
	s.Up(tb)
	tb.Cleanup(s.Down)
	s.Directory = s.running.URL + wfe.DirectoryPath
	s.RootFile = filepath.Join(tb.TempDir(), "acme.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.running.Certificate().Raw})
	if err := os.WriteFile(s.RootFile, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return s
}

// Up lets it answer again, where it did before.
func (s *Server) Up(tb testing.TB) {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", s.address)
	if err != nil {
		tb.Fatal(err)
	}
	s.address = l.Addr().String()
	s.running = httptest.NewUnstartedServer(s.handler)
	_ = s.running.Listener.Close() // the one that it has made by itself
	s.running.Listener = l
	s.running.StartTLS()
}

// Down lets nobody reach it.
func (s *Server) Down() { s.running.Close() }

// Roots are what its certificates are verified with.
func (s *Server) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.ca.GetRootCert(0).PEM())
	return pool
}

// resolver has the address 127.0.0.1 for every name.
func resolver(tb testing.TB) string {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if len(q.Question) == 1 && q.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1),
			}}
		}
		_ = w.WriteMsg(m) // whoever is gone needs no answer
	})}
	go func() { _ = server.ActivateAndServe() }()
	tb.Cleanup(func() { _ = server.Shutdown() })
	return l.Addr().String()
}
