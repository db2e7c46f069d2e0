package framing

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// poison is what net/http reads in the place of what was refused. Wherever it
// comes, it is malformed by itself: in a request line and a field for its NUL, in
// the line of a chunk for the bare LF, as a chunk's end for not being CR LF, in
// trailers for the line without a colon. The empty line makes sure that nobody
// waits for more.
const poison = "\x00\n\x00\r\n\r\n"

const (
	// lingerTime and lingerBytes bound how long a refused client is listened to,
	// so that the 400 is not lost by a reset (RFC 9112 section 9.6).
	lingerTime  = 250 * time.Millisecond
	lingerBytes = 256 << 10
)

// Listener wraps the connections that a listener accepts.
type Listener struct {
	net.Listener
	refused func(client net.Addr, reason error)
}

// Listen returns a listener whose connections are scanned. It calls refused once
// for each connection that breaks a rule; the reason is an Error.
func Listen(l net.Listener, refused func(client net.Addr, reason error)) *Listener {
	return &Listener{Listener: l, refused: refused}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, refused: l.refused}, nil
}

// Conn is a connection whose client is read along. Like any net.Conn it has one
// reader at a time.
type Conn struct {
	net.Conn
	refused func(net.Addr, error)
	scanner Scanner
	broken  bool
	poison  string      // what of it is left to read
	linger  atomic.Bool // Close waits for the client to read its answer
}

// Read implements io.Reader. When the client breaks a rule, it returns what came
// before, then poison, then io.EOF.
func (c *Conn) Read(p []byte) (int, error) {
	if c.broken {
		return c.readPoison(p)
	}
	n, err := c.Conn.Read(p)
	good, reason := c.scanner.Scan(p[:n])
	if reason == nil {
		return n, err
	}
	c.broken, c.poison = true, poison
	c.linger.Store(true)
	c.refused(c.RemoteAddr(), reason)
	if good > 0 {
		return good, nil
	}
	return c.readPoison(p)
}

func (c *Conn) readPoison(p []byte) (int, error) {
	if c.poison == "" {
		return 0, io.EOF
	}
	n := copy(p, c.poison)
	c.poison = c.poison[n:]
	return n, nil
}

// Release ends the scanning, because the connection was taken over for another
// protocol. A client that broke a rule before stays refused. Nobody must be
// reading.
func (c *Conn) Release() {
	c.scanner.Release()
	c.poison = ""
}

// CloseWrite ends one direction, so that the other can be read to its end.
func (c *Conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return c.Conn.Close()
	}
	return half.CloseWrite()
}

// Close implements net.Conn. A refused client is given the time to read why; a
// second call ends that.
func (c *Conn) Close() error {
	if c.linger.CompareAndSwap(true, false) && c.CloseWrite() == nil &&
		c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes) // whatever ends it, the connection ends
	}
	return c.Conn.Close()
}
