package traffic

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// mirrorHeader marks a copy, for a version that must not act on it.
	mirrorHeader = "X-Davit-Mirror"
	// maxMirrors is how many copies can be under way, of all apps together.
	maxMirrors = 64
	// mirrorTime and mirrorBytes are the most that is waited for and read of an
	// answer that nobody gets.
	mirrorTime  = 10 * time.Second
	mirrorBytes = 1 << 20
)

// mirrored is what came of copies that a version got.
type mirrored struct {
	requests atomic.Uint64 // that were sent, and have ended
	failed   atomic.Uint64 // with 5xx or without an answer
	dropped  atomic.Uint64 // not sent, because too many were under way
	latency  histogram     // of those that did not fail, to the response headers
}

// mirror returns the target that gets a copy of a request for the stable version,
// nil when none does. A copy is in flight on its version as every request is, so
// that drain sees it; the caller gives it back with endMirror.
func (r *router) mirror(to *route, in *http.Request) *target {
	if to.Mirror == 0 || to.canary == nil || to.weight == 0 || !repeatable(in) || r.draw() >= to.Mirror {
		return nil
	}
	v := to.canary.version
	if r.mirrors.Add(1) > maxMirrors {
		r.mirrors.Add(-1)
		v.mirrored.dropped.Add(1)
		return nil
	}
	v.inFlight.Add(1)
	return to.canary
}

func (r *router) endMirror(t *target) {
	t.release()
	r.mirrors.Add(-1)
}

// repeatable reports whether a request asks for nothing to be done (RFC 9110
// section 9.2.1) and is over with its head.
func repeatable(in *http.Request) bool {
	safe := in != nil && (in.Method == http.MethodGet || in.Method == http.MethodHead)
	return safe && in.ContentLength == 0 && len(in.TransferEncoding) == 0 && in.Header.Get("Upgrade") == ""
}

// mirror sends a copy of what the stable version gets, without waiting for it.
// Neither the client's departure nor anything that the copy meets has to do with
// the other's: the copy has a context of its own.
func (x *exchange) mirror(out *http.Request) {
	to := x.claimed.mirror
	if to == nil {
		return
	}
	x.claimed.mirror = nil
	ctx, cancel := context.WithTimeout(context.Background(), mirrorTime)
	twin := out.Clone(ctx)
	twin.URL = addressed(out.URL, to.address(to.turn(), 0))
	twin.Body, twin.GetBody, twin.Trailer = nil, nil, nil
	twin.Header.Set(mirrorHeader, "1")
	r := x.door.router
	go func() { // stop waits for what is in flight
		defer cancel()
		defer r.endMirror(to)
		began := r.clock()
		res, err := to.version.transport.RoundTrip(twin)
		to.version.mirrored.count(res, err, r.clock()-began)
		if err == nil {
			_, _ = io.CopyN(io.Discard, res.Body, mirrorBytes) // a connection that was read to the end can be used again
			res.Body.Close()
		}
	}()
}

func (m *mirrored) count(res *http.Response, err error, took time.Duration) {
	m.requests.Add(1)
	if err != nil || res.StatusCode >= http.StatusInternalServerError {
		m.failed.Add(1)
		return
	}
	m.latency.add(took)
}
