package traffic

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// warnEvery is how often the log hears that there are too many connections.
const warnEvery = 10 * time.Second

// admission is a listener that closes connections above the limits, so that one
// address cannot take what all share, and all together not what the edge has.
type admission struct {
	net.Listener
	limits  Limits
	counted *connections
	log     *slog.Logger

	mu     sync.Mutex
	open   int
	from   map[netip.Prefix]int
	turned int // away since the last warning
	warned time.Time
}

// connections are those of clients on one listener, for metrics.
type connections struct {
	open   atomic.Int64
	closed atomic.Uint64 // for being above the limits
}

func newAdmission(l net.Listener, limits Limits, counted *connections, log *slog.Logger) *admission {
	return &admission{Listener: l, limits: limits, counted: counted, log: log, from: make(map[netip.Prefix]int)}
}

// Accept implements net.Listener. A new connection has as long for its first
// bytes as a request has for its fields: net/http itself would wait for ever for
// those that tell HTTP/2 from HTTP/1.
func (a *admission) Accept() (net.Conn, error) {
	for {
		c, err := a.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientPrefix(c.RemoteAddr())
		if !a.enter(client) {
			c.Close()
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(a.limits.HeaderTime)) // fails if c is closed, as reading will
		return &admittedConn{Conn: c, leave: func() { a.leave(client) }}, nil
	}
}

// clientPrefix is whom a connection counts for: an IPv4 address, or the /64 that
// an IPv6 client can choose its address from.
func clientPrefix(at net.Addr) netip.Prefix {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if address.Is4() {
		bits = 32
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// enter counts a connection and reports whether there was room for it.
func (a *admission) enter(client netip.Prefix) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open < a.limits.Connections && a.from[client] < a.limits.ClientConnections {
		a.open++
		a.counted.open.Add(1)
		a.from[client]++
		return true
	}
	a.turned++
	a.counted.closed.Add(1)
	if time.Since(a.warned) >= warnEvery {
		a.log.Warn("connections over the limit are closed", "client", client.String(), "from_client", a.from[client],
			"open", a.open, "closed", a.turned)
		a.warned, a.turned = time.Now(), 0
	}
	return false
}

func (a *admission) leave(client netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open--
	a.counted.open.Add(-1)
	a.from[client]--
	if a.from[client] == 0 {
		delete(a.from, client)
	}
}

// admittedConn gives its place back when it is closed.
type admittedConn struct {
	net.Conn
	leave  func()
	closed atomic.Bool
}

// Close implements net.Conn.
func (c *admittedConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		defer c.leave()
	}
	return c.Conn.Close()
}

// CloseWrite ends one direction, so that the other can be read to its end.
func (c *admittedConn) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite ends the direction of c that is written to, or all of it where that
// cannot be done.
func closeWrite(c net.Conn) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return c.Close()
	}
	return half.CloseWrite()
}
