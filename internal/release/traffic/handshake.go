package traffic

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// tlsConfig chooses certificates by the name that the client asks for. Without one,
// and for an unknown one, there is none, which crypto/tls says with the alert
// unrecognized_name (RFC 6066 section 3), before it has computed anything.
func (e *Edge) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return e.router.keys.Load().find(hostname(hello.ServerName)), nil
		},
	}
}

// secureListener speaks TLS on the connections of a listener.
type secureListener struct {
	net.Listener
	config *tls.Config
	failed func(client net.Addr, reason error)
	limit  time.Duration // for the handshake
}

// Accept implements net.Listener. The handshake comes with the first reading, so
// that nobody waits for a client here.
func (l *secureListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(l.limit)) // fails if c is closed, as reading will
	return &secureConn{Conn: tls.Server(c, l.config), failed: l.failed}, nil
}

// secureConn is a connection in TLS. Its first Read is net/http's, which is one
// reader at a time and writes nothing before it has read.
type secureConn struct {
	*tls.Conn
	failed func(net.Addr, error)
	begun  bool
	state  func() *tls.ConnectionState
}

// Read implements io.Reader.
func (c *secureConn) Read(p []byte) (int, error) {
	if !c.begun {
		c.begun = true
		if err := c.HandshakeContext(context.Background()); err != nil {
			c.failed(c.RemoteAddr(), err)
			return 0, err
		}
		_ = c.SetWriteDeadline(time.Time{}) // as with the deadline before
		c.state = sync.OnceValue(func() *tls.ConnectionState {
			s := c.ConnectionState()
			return &s
		})
	}
	return c.Conn.Read(p)
}

// mark makes r a request in TLS where its connection is one: net/http itself knows
// only of a *tls.Conn, and that is behind the scanner of the framing.
func (c *client) mark(r *http.Request) {
	if c != nil && c.secure != nil {
		r.TLS = c.secure.state()
	}
}
