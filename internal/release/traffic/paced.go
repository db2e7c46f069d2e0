package traffic

import (
	"net"
	"sync/atomic"
	"time"
)

// How fast is read from a client that gives its requests up: some five of them in a
// millisecond, so that those of others need not wait for a hundred.
const (
	paceBytes = 256
	pacePause = time.Millisecond
)

// pacedListener makes connections paced. A new one has as long for its first bytes
// as a request has for its fields: net/http would wait for ever for those that tell
// HTTP/2 from HTTP/1.
type pacedListener struct {
	net.Listener

	limit time.Duration
}

// Accept implements net.Listener.
func (l *pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	_ = c.SetReadDeadline(time.Now().Add(l.limit)) // fails if c is closed, as reading will
	return &paced{Conn: c}, nil
}

// paced is a connection that can be read slowly. Like any net.Conn it has one reader
// at a time.
type paced struct {
	net.Conn

	slow atomic.Bool
	left int // bytes until the next pause
}

// Read implements io.Reader.
func (c *paced) Read(p []byte) (int, error) {
	if c.slow.Load() {
		if c.left <= 0 {
			time.Sleep(pacePause)
			c.left = paceBytes
		}
		p = p[:min(len(p), c.left)]
	}
	n, err := c.Conn.Read(p)
	c.left -= n
	return n, err
}

// CloseWrite ends one direction, so that the other can be read to its end.
func (c *paced) CloseWrite() error { return closeWrite(c.Conn) }
