package traffic

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// statusPatience is how long the outcome of a gRPC call waits for its status after
// the headers. What streams for longer has answered.
const statusPatience = 2 * time.Second

const grpcStatus = "Grpc-Status"

// isGRPC reports whether the headers are of gRPC over HTTP/2: application/grpc,
// with or without a suffix for the encoding of messages.
func isGRPC(h http.Header) bool {
	rest, found := strings.CutPrefix(h.Get("Content-Type"), "application/grpc")
	return found && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// grpcOutcome is the outcome of a call that ended with a status, which is failed
// for those that OpenTelemetry's conventions take for an error of the server:
// UNKNOWN (2), DEADLINE_EXCEEDED (4), UNIMPLEMENTED (12), INTERNAL (13), UNAVAILABLE
// (14) and DATA_LOSS (15). A call without a status is UNKNOWN to its client.
func grpcOutcome(status string) Outcome {
	switch status {
	case "0", "1", "3", "5", "6", "7", "8", "9", "10", "11", "16":
		return OK
	default:
		return Failed
	}
}

// endCall ends a call that no version answered, with headers alone ("Trailers-Only"
// of gRPC over HTTP/2). A version gives up a call whose deadline is over by resetting
// its stream, maybe before the client has noticed: that is its deadline, not an app
// that is away.
func (x *exchange) endCall(w http.ResponseWriter) {
	status, message := "14", "the app does not answer"
	if timeout, ok := callTimeout(x.in.Header.Get("Grpc-Timeout")); ok && x.door.router.clock()-x.began >= timeout {
		status, message = "4", "the deadline is over"
	}
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set(grpcStatus, status)
	h.Set("Grpc-Message", message)
	w.WriteHeader(http.StatusOK)
}

// callTimeout reads a Timeout of gRPC over HTTP/2: at most 8 digits and a unit. ok
// is false for none and for what is none.
func callTimeout(text string) (_ time.Duration, ok bool) {
	const most = 8
	if len(text) < 2 || len(text) > most+1 {
		return 0, false
	}
	units := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}
	unit, known := units[text[len(text)-1]]
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	if err != nil || !known || n > uint64(math.MaxInt64/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// settle gives a request the outcome of an attempt that has headers or an error.
// A gRPC call has its outcome in its status: with the headers when there is no
// message, behind the messages otherwise.
func (x *exchange) settle(res *http.Response, err error) {
	o := x.outcome(res, err)
	if o == Failed || err != nil || !isGRPC(res.Header) {
		x.score(o)
		return
	}
	if status := res.Header.Get(grpcStatus); status != "" {
		x.score(grpcOutcome(status))
		return
	}
	x.answered = x.door.router.clock()
	// An outcome that came after the horizon would be a failure.
	patience := min(statusPatience, Horizon-TickLength-(x.answered-x.began))
	if patience <= 0 {
		x.score(OK)
		return
	}
	res.Body = &grpcBody{
		ReadCloser: res.Body, x: x, res: res,
		timer: time.AfterFunc(patience, func() { x.score(OK) }),
	}
}

// grpcBody scores its call when the status comes.
type grpcBody struct {
	io.ReadCloser
	x     *exchange
	res   *http.Response
	timer *time.Timer
}

func (b *grpcBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.x.score(grpcOutcome(b.res.Trailer.Get(grpcStatus)))
	case err != nil:
		b.x.score(b.x.outcome(nil, err))
	}
	return n, err
}

func (b *grpcBody) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}
