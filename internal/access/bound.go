package access

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// How many connections those may have open of whom nobody knows yet who they are.
const (
	maxConnections = 512
	// maxFromSite is how many of them come from one address, of IPv6 from one /64:
	// a quarter, so that nobody alone can keep all others out.
	maxFromSite = maxConnections / 4
	// warnEvery is how often the log hears that there are too many.
	warnEvery = 10 * time.Second
)

// Bound returns l with a bound on the connections that are open at a time, in all
// and from one address. What comes above is closed.
func Bound(l net.Listener, log *slog.Logger) net.Listener {
	return &bound{Listener: l, log: log, from: map[netip.Prefix]int{}}
}

type bound struct {
	net.Listener

	log *slog.Logger

	mu     sync.Mutex
	open   int
	from   map[netip.Prefix]int
	turned int // away since the last warning
	warned time.Time
}

// Accept implements net.Listener.
func (b *bound) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		at := siteOf(c.RemoteAddr())
		if b.enter(at) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { b.leave(at) })}, nil
		}
		c.Close()
	}
}

func siteOf(at net.Addr) netip.Prefix {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return site(tcp.AddrPort().Addr())
}

// enter counts a connection and reports whether there was room for it.
func (b *bound) enter(at netip.Prefix) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open < maxConnections && b.from[at] < maxFromSite {
		b.open++
		b.from[at]++
		return true
	}
	b.turned++
	if time.Since(b.warned) >= warnEvery {
		b.log.Warn("connections over the limit are closed", "from", at.String(), "of_it", b.from[at], "open", b.open, "closed", b.turned)
		b.warned, b.turned = time.Now(), 0
	}
	return false
}

func (b *bound) leave(at netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
	if b.from[at]--; b.from[at] == 0 {
		delete(b.from, at)
	}
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn

	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
