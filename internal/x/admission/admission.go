// Package admission bounds the connections that a listener has open, so that one
// client cannot take what all share, and all together not what there is.
package admission

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Limits are how many connections may be open at a time.
type Limits struct {
	Connections int
	PerClient   int // of them; see Client
}

// Tally counts what became of connections. It may be that of several listeners.
type Tally struct {
	Open   atomic.Int64
	Closed atomic.Uint64 // at once, for being above the limits
}

// warnEvery is how often the log hears that there are too many.
const warnEvery = 10 * time.Second

// Listener closes connections above the limits at once.
type Listener struct {
	net.Listener

	limits Limits
	tally  *Tally
	log    *slog.Logger

	mu     sync.Mutex
	open   int
	from   map[netip.Prefix]int
	turned int // away since the last warning
	warned time.Time
}

// New returns l with limits.
func New(l net.Listener, limits Limits, tally *Tally, log *slog.Logger) *Listener {
	return &Listener{Listener: l, limits: limits, tally: tally, log: log, from: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientOf(c.RemoteAddr())
		if l.enter(client) {
			return &conn{Conn: c, leave: sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		c.Close()
	}
}

// Client is whom a connection counts for: an IPv4 address, or the /64 that an IPv6
// client can choose its address from. The zero Addr makes the zero Prefix.
func Client(at netip.Addr) netip.Prefix {
	at = at.Unmap().WithZone("")
	bits := at.BitLen()
	if at.Is6() {
		bits = 64
	}
	p, _ := at.Prefix(bits) // which fails for the zero Addr alone
	return p
}

func clientOf(at net.Addr) netip.Prefix {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return Client(tcp.AddrPort().Addr())
}

// enter counts a connection and reports whether there was room for it.
func (l *Listener) enter(client netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open < l.limits.Connections && l.from[client] < l.limits.PerClient {
		l.open++
		l.from[client]++
		l.tally.Open.Add(1)
		return true
	}
	l.turned++
	l.tally.Closed.Add(1)
	if time.Since(l.warned) >= warnEvery {
		l.log.Warn("connections over the limit are closed", "client", client.String(), "from_client", l.from[client],
			"open", l.open, "closed", l.turned)
		l.warned, l.turned = time.Now(), 0
	}
	return false
}

func (l *Listener) leave(client netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.tally.Open.Add(-1)
	if l.from[client]--; l.from[client] == 0 {
		delete(l.from, client)
	}
}

// conn gives its place back when it is closed.
type conn struct {
	net.Conn

	leave func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite ends one direction, so that the other can be read to its end; or both
// where that cannot be done.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
