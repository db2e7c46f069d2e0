package traffic

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// patience is how long a client may wait for headers and then go, without
	// that being the version's fault.
	patience = time.Second
	// maxAttempts bounds how often a request is tried when connections are
	// refused: on addresses of its version, then of the stable one.
	maxAttempts = 4
)

// exchange is one request on its way through the edge: its claim, its attempts
// and its outcome. It is the http.RoundTripper of its own ReverseProxy.
type exchange struct {
	door     *door
	host     string
	in       *http.Request
	began    time.Duration
	claimed  claimed
	entry    *access  // in the access log, nil when there is none
	first    *version // that the request was drawn for, which is the one to score
	target   *target  // that it is claimed on now
	turn     int      // index of the address in use
	left     int      // addresses of the target that were not tried
	tried    int
	scored   atomic.Bool
	answered time.Duration // when a gRPC call whose status is to come had headers
	body     *heldBody
	stream   stream       // the response, if it has no end of its own
	followed *version     // that has the stream
	http2    bool         // of the attempt under way
	cancel   func()       // the attempt under way, if it is of HTTP/2
	conn     *countedConn // of the attempt under way
	preface  int64        // what had been sent on conn before this attempt
}

// RoundTrip implements http.RoundTripper. A request is tried again only while no
// byte of it was sent and nothing of its body read.
func (x *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	if out.Body != nil {
		x.body = &heldBody{ReadCloser: out.Body, of: x.in}
	}
	x.entry.passed(out)
	x.mirror(out)
	trace := &httptrace.ClientTrace{GotConn: x.gotConn}
	ctx := httptrace.WithClientTrace(out.Context(), trace)
	for {
		transport := x.transport()
		attempt := out.WithContext(x.cancelable(ctx))
		attempt.URL = addressed(out.URL, x.address())
		if x.body != nil {
			attempt.Body = x.body
		}
		res, err := transport.RoundTrip(attempt)
		if err == nil && res.StatusCode < 100 {
			res.Body.Close()
			err = fmt.Errorf("response has status %d", res.StatusCode)
		}
		if errors.Is(err, errDial) {
			x.target.version.refused.Add(1)
		}
		if err == nil {
			x.follow(res)
		}
		x.settle(res, err)
		if err == nil {
			return x.deliver(res), nil
		}
		if !x.replayable(err) || !x.next() {
			return nil, err
		}
	}
}

func addressed(u *url.URL, address string) *url.URL {
	to := *u
	to.Host = address
	return &to
}

// gotConn notices what http.Transport does by itself: it sends a request again
// when a kept connection breaks. If the first sending left the edge, the first
// attempt has failed. HTTP/2 says what was processed, and sends only the rest again.
func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	if x.http2 {
		return
	}
	if x.conn != nil && x.conn.sent.Load() > x.preface {
		x.score(Failed)
	}
	conn, ok := info.Conn.(*countedConn)
	if !ok {
		return
	}
	x.conn, x.preface = conn, conn.sent.Load()
}

// outcome is the class of an attempt, known when the headers are there: a stream
// needs not end to be counted.
func (x *exchange) outcome(res *http.Response, err error) Outcome {
	switch {
	case err == nil && res.StatusCode < http.StatusInternalServerError:
		return OK
	case err != nil && x.abandoned() && x.door.router.clock()-x.began <= patience:
		return OK
	default:
		return Failed
	}
}

// abandoned reports whether the client is gone, or sent a body that is none.
func (x *exchange) abandoned() bool {
	return x.in.Context().Err() != nil || x.body != nil && x.body.failed.Load()
}

// score gives the request its outcome; only the first attempt's counts, and that
// of a pinned request does not: who chose its version may have chosen the outcome.
func (x *exchange) score(o Outcome) {
	if x.scored.Swap(true) || x.claimed.pinned {
		return
	}
	took := x.door.router.clock() - x.began
	if x.answered > 0 {
		took = x.answered - x.began
	}
	x.claimed.unit.Score(o, took)
	x.first.requests.Add(1)
	if o == Failed {
		x.first.failed.Add(1)
	} else {
		x.first.latency.add(took)
	}
}

// replayable reports whether the version cannot have seen any of the request. A
// connection that was refused is not enough: the request may have been sent on a
// kept one before, which made http.Transport dial.
func (x *exchange) replayable(err error) bool {
	if !errors.Is(err, errDial) || x.in.Context().Err() != nil {
		return false
	}
	unsent := x.conn == nil || x.conn.sent.Load() == x.preface
	unread := x.body == nil || !x.body.read.Load()
	return unsent && unread
}

// next moves the request to another address of its version, or else to the
// stable version, and reports whether there was one. The new claim is taken
// before the old one is given back.
func (x *exchange) next() bool {
	x.tried++
	if x.tried >= maxAttempts {
		return false
	}
	if x.left > 0 {
		x.left--
		return true
	}
	if x.claimed.pinned {
		return false
	}
	stable := x.door.router.claimStable(x.door.listener, x.host, x.in, x.target.version)
	if stable == nil {
		return false
	}
	x.target.release()
	x.hold(stable)
	return true
}

// hold makes t the target of the exchange.
func (x *exchange) hold(t *target) {
	x.target, x.turn, x.left = t, t.turn(), len(t.addresses)-1
}

// address is where the request is sent to now.
func (x *exchange) address() string {
	return x.target.address(x.turn, len(x.target.addresses)-1-x.left)
}

// unanswered ends a request that no version answered. A client that is gone gets
// its connection cut, not an answer that nobody gave.
func (x *exchange) unanswered(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Context().Err() != nil:
		clientOf(r).gaveUp(r, x.door.limits.Resets)
		panic(http.ErrAbortHandler)
	case tooLong(err):
		http.Error(w, "the request's body is too long", http.StatusRequestEntityTooLarge)
	case x.abandoned():
		w.Header().Set("Connection", "close")
		http.Error(w, "the request's body is malformed", http.StatusBadRequest)
	case isGRPC(r.Header):
		x.endCall(w)
	default:
		http.Error(w, "the app does not answer", http.StatusBadGateway)
	}
}

// end gives the claim back. A request that never became an attempt, because the
// edge refused it by itself, says nothing against its version.
func (x *exchange) end() {
	x.score(OK)
	if x.cancel != nil {
		x.cancel()
	}
	if x.stream != nil {
		x.followed.streams.remove(x.stream)
	}
	x.target.release()
	if x.claimed.mirror != nil { // the request was never passed on
		x.door.router.endMirror(x.claimed.mirror)
	}
}

// deliver counts the response on the version that gave it.
func (x *exchange) deliver(res *http.Response) *http.Response {
	clientOf(x.in).answered()
	v := x.target.version
	v.codes[res.StatusCode/100%10].Add(1)
	x.entry.answered(v, res.StatusCode)
	if x.claimed.pinned {
		res.Header.Set(VersionHeader, v.label)
	}
	if x.claimed.cookie != "" {
		setCookie(res.Header, x.claimed, x.in.TLS != nil)
	}
	if x.in.TLS != nil {
		x.door.router.keys.Load().remember(res.Header)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		res.Body = &meteredBody{ReadCloser: res.Body, total: &v.bytes}
	}
	return res
}

// heldBody is a request body that outlives an attempt that did not read it.
type heldBody struct {
	io.ReadCloser
	of     *http.Request
	read   atomic.Bool
	failed atomic.Bool // the client did not send it to its end
}

func (b *heldBody) Read(p []byte) (int, error) {
	b.read.Store(true)
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		stripForged(b.of.Trailer) // which has come with the end
	case err != nil:
		b.failed.Store(true)
	}
	return n, err
}

// Close does nothing as long as nothing was read, because the next attempt needs
// the body; ReverseProxy closes it when the request is over.
func (b *heldBody) Close() error {
	if !b.read.Load() {
		return nil
	}
	return b.ReadCloser.Close()
}

// meteredBody adds what is read from a response to a total.
type meteredBody struct {
	io.ReadCloser
	total *atomic.Uint64
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.total.Add(uint64(n))
	return n, err
}
