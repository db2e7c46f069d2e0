package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 3 * time.Second
	// idleConns is how many idle connections to one address are worth keeping.
	idleConns = 512
	// idleTimeout is shorter than the five seconds after which common servers
	// close an idle connection, so that the edge does not write into one that is
	// just being closed.
	idleTimeout = 4 * time.Second
	// maxResponseHeader bounds what a version can make the edge hold.
	maxResponseHeader = 1 << 20
)

// errDial marks an attempt that ended before there was a connection, and so
// before a byte of the request was sent.
var errDial = errors.New("not connected")

// newTransport returns the connections to one version. It changes nothing that
// passes: no compression, no proxy from the environment.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idleConns,
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDial, err)
	}
	return &countedConn{Conn: c}, nil
}

// countedConn counts what was written, which tells an attempt that reached the
// version from one that did not.
type countedConn struct {
	net.Conn
	sent atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// CloseWrite passes the end of one direction on, so that an upgraded connection
// can be half closed.
func (c *countedConn) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite ends the direction of c that is written to, or all of it where that
// cannot be done.
func closeWrite(c net.Conn) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return c.Close()
	}
	return half.CloseWrite()
}
