package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/release/traffic/framing"
)

// Limits bound what clients can make the edge hold. The zero value of each is its
// default.
type Limits struct {
	HeaderBytes int           // of a request line with its fields; 0 means 64 KiB; more is answered 431
	HeaderTime  time.Duration // for all of those, from the first byte or from the start of the connection; 0 means 10 s
	IdleTime    time.Duration // of a connection between two requests; 0 means 2 min
	// Connections is how many clients may have open on each listener. 0 means 16384,
	// or what half of the file descriptors allow, since each may need another one to
	// a version. What comes above is closed.
	Connections int
	// ClientConnections is how many of them may come from one address, which in IPv6
	// is a /64; 0 means a quarter of Connections.
	ClientConnections int
	// Streams is how many HTTP/2 requests may be open on a connection; 0 means 128.
	Streams int
	// Resets is how many HTTP/2 requests a connection may give up before they are
	// answered, until it is closed; 0 means 1000.
	Resets int
	// BodyBytes bounds the body of a request; 0 means any length. More is answered
	// 413.
	BodyBytes int64
}

const (
	defaultHeaderBytes = 64 << 10
	defaultHeaderTime  = 10 * time.Second
	defaultIdleTime    = 2 * time.Minute
	defaultConnections = 16384
	defaultStreams     = 128
	defaultResets      = 1000
	// clientShare is the part of all connections that one address may have.
	clientShare = 4
	// ownFiles is how many descriptors the edge needs for itself.
	ownFiles = 64
	// silence is after how long without a frame an HTTP/2 client is asked whether
	// it is still there, and how long a write to it may stand still.
	silence = time.Minute
)

// filled returns l with its defaults.
func (l Limits) filled() (Limits, error) {
	if min(l.HeaderBytes, l.Connections, l.ClientConnections, l.Streams, l.Resets) < 0 ||
		min(l.HeaderTime, l.IdleTime) < 0 || l.BodyBytes < 0 {
		return Limits{}, fmt.Errorf("edge limits %+v: none may be negative", l)
	}
	fill(&l.HeaderBytes, defaultHeaderBytes)
	fill(&l.HeaderTime, defaultHeaderTime)
	fill(&l.IdleTime, defaultIdleTime)
	fill(&l.Connections, connectionsByFiles())
	fill(&l.ClientConnections, max(1, l.Connections/clientShare))
	fill(&l.Streams, defaultStreams)
	fill(&l.Resets, defaultResets)
	return l, nil
}

func fill[number int | time.Duration](n *number, otherwise number) {
	if *n == 0 {
		*n = otherwise
	}
}

// connectionsByFiles is the default number of connections. Go has raised the soft
// limit of descriptors to the hard one at the start.
func connectionsByFiles() int {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Cur > 2*defaultConnections+ownFiles {
		return defaultConnections
	}
	return max(1, (int(files.Cur)-ownFiles)/2)
}

// http2 is what net/http looks after on HTTP/2 connections.
func (l Limits) http2() *http.HTTP2Config {
	return &http.HTTP2Config{MaxConcurrentStreams: l.Streams, SendPingTimeout: silence, WriteByteTimeout: silence}
}

// fits bounds the body of r, and reports whether it is already known to be too
// long.
func (l Limits) fits(w http.ResponseWriter, r *http.Request) bool {
	if l.BodyBytes == 0 {
		return true
	}
	if r.ContentLength > l.BodyBytes {
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, l.BodyBytes)
	return true
}

// tooLong reports whether err is about a body that did not fit.
func tooLong(err error) bool {
	var over *http.MaxBytesError
	return errors.As(err, &over)
}

const (
	// wavering is from how many requests given up in a row, with none answered, a
	// client is thought to give up the next one, too.
	wavering = 8
	// hesitation is how long that one is held back, so that it costs nothing when
	// the client gives it up.
	hesitation = 5 * time.Millisecond
)

// client is the connection that a request came on.
type client struct {
	conn   net.Conn
	paced  *paced       // nil in tests without one
	secure *secureConn  // nil: it is plain
	resets atomic.Int64 // HTTP/2 requests given up before they were answered
	inARow atomic.Int64 // of them, since one was answered
}

type clientKey struct{}

func withClient(ctx context.Context, conn net.Conn) context.Context {
	from := &client{conn: conn}
	if scanned, ok := conn.(*framing.Conn); ok {
		switch under := scanned.Conn.(type) {
		case *paced:
			from.paced = under
		case *secureConn:
			from.secure = under
			from.paced, _ = under.NetConn().(*paced)
		}
	}
	return context.WithValue(ctx, clientKey{}, from)
}

func clientOf(r *http.Request) *client {
	c, _ := r.Context().Value(clientKey{}).(*client)
	return c
}

// stays reports whether the client still wants the answer to an HTTP/2 request. It
// takes its time when that client has given up all of its last ones: each that is
// passed on costs one to a version (CVE-2023-44487).
func (c *client) stays(r *http.Request) bool {
	if c == nil || r.ProtoMajor != 2 || c.inARow.Load() < wavering {
		return true
	}
	timer := time.NewTimer(hesitation)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-timer.C:
		return true
	}
}

// answered ends a row of requests given up.
func (c *client) answered() {
	if c != nil && c.inARow.Load() > 0 {
		c.inARow.Store(0)
		c.slow(false)
	}
}

// slow has the connection read slowly, or as fast as can be.
func (c *client) slow(slow bool) {
	if c.paced != nil {
		c.paced.slow.Store(slow)
	}
}

// gaveUp counts an HTTP/2 request whose client left, and closes the connection of
// one that does hardly anything else.
func (c *client) gaveUp(r *http.Request, most int) {
	if c == nil || r.ProtoMajor != 2 {
		return
	}
	c.slow(c.inARow.Add(1) >= wavering)
	if c.resets.Add(1) > int64(most) {
		c.conn.Close()
	}
}
