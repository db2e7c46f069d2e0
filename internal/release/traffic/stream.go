package traffic

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// stream is a response that has no end of its own, such as a WebSocket. leave
// ends it so that the client sees an end, not a cut, and comes back to another
// version. It may be called more than once.
type stream interface{ leave() }

// streams are those that are open on a version. The zero value has none.
type streams struct {
	mu   sync.Mutex
	open map[stream]struct{}
}

func (s *streams) add(one stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[stream]struct{})
	}
	s.open[one] = struct{}{}
}

func (s *streams) remove(one stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, one)
}

// farewell spreads the ends of streams over a drain. They keep the first half of
// its time; each leaves at a moment of its own in the next four tenths, so that
// their clients do not come back all at once; the last tenth is for them to close.
type farewell struct {
	from, until time.Time
	at          map[stream]time.Time
}

// newFarewell is for a drain that lasts from now to ctx's deadline.
func newFarewell(ctx context.Context) *farewell {
	now := time.Now()
	end, ok := ctx.Deadline()
	if !ok {
		end = now
	}
	limit := end.Sub(now)
	return &farewell{from: now.Add(limit / 2), until: now.Add(limit * 9 / 10), at: make(map[stream]time.Time)}
}

// dismiss lets the streams of v leave whose moment has come. One that is seen for
// the first time gets a moment of what is left.
func (f *farewell) dismiss(v *version, now time.Time) {
	if now.Before(f.from) {
		return
	}
	for _, one := range v.streams.list() {
		at, seen := f.at[one]
		if !seen {
			at = now.Add(rand.N(max(1, f.until.Sub(now))))
			f.at[one] = at
		}
		if !now.Before(at) {
			one.leave()
		}
	}
}

func (s *streams) list() []stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]stream, 0, len(s.open))
	for one := range s.open {
		all = append(all, one)
	}
	return all
}

// follow makes a stream of a response that is one: events, gRPC, and what a
// connection became after 101.
func (x *exchange) follow(res *http.Response) {
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		t := newTunnel(x, res)
		if t == nil {
			return
		}
		res.Body, x.stream = t, t
	case isGRPC(res.Header) || isEvents(res.Header):
		b := &endless{ReadCloser: res.Body, x: x, res: res}
		res.Body, x.stream = b, b
	default:
		return
	}
	x.followed = x.target.version
	x.followed.streams.add(x.stream)
}

// isEvents reports whether the headers are of server-sent events.
func isEvents(h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")) // of what cannot be parsed it is ""
	return kind == "text/event-stream"
}

// endless is the body of a stream of events or of a gRPC call.
type endless struct {
	io.ReadCloser
	x    *exchange
	res  *http.Response
	left atomic.Bool
}

// leave ends the response where it is. An EventSource comes back by itself. To
// gRPC it is UNAVAILABLE, which clients try again, and no failure of the version.
func (b *endless) leave() {
	if b.left.Swap(true) {
		return
	}
	b.x.score(OK)
	_ = b.Close() // ends the Read that waits
}

// Close implements io.Closer. In HTTP/2 it would wait for the end of the request's
// body, which has none before its client has read the end of the response.
func (b *endless) Close() error {
	if b.x.cancel != nil {
		b.x.cancel()
	}
	return b.ReadCloser.Close()
}

func (b *endless) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) || !b.left.Load() {
		return n, err
	}
	if isGRPC(b.res.Header) {
		b.res.Trailer = http.Header{grpcStatus: {"14"}, "Grpc-Message": {"the version is going away"}}
	}
	return n, io.EOF
}
