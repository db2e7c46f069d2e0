package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

const (
	tries        = 5
	firstPause   = 500 * time.Millisecond // doubled after each try
	longestPause = time.Minute            // whatever a registry asks for
)

// retrier does things again that failed for a passing reason. As the transport
// below it sees when the registry wants to be asked again.
type retrier struct {
	next  http.RoundTripper
	first time.Duration // 0 means firstPause

	mu    sync.Mutex
	until time.Time
}

// RoundTrip implements http.RoundTripper. It notes Retry-After (RFC 9110,
// section 10.2.3) of a registry that is asked too much.
func (r *retrier) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable) {
		r.mu.Lock()
		r.until = retryAfter(response.Header.Get("Retry-After"), time.Now())
		r.mu.Unlock()
	}
	return response, err
}

// retryAfter reads seconds or a date; the zero time for neither.
func retryAfter(value string, now time.Time) time.Time {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return now.Add(time.Duration(seconds) * time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return time.Time{}
	}
	return at
}

// do calls f until it succeeds, fails for good, or failed often enough.
func (r *retrier) do(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || !passing(err) || ctx.Err() != nil {
			return err
		}
		if try == tries {
			return fmt.Errorf("%w (tried %d times)", err, tries)
		}
		wait := time.NewTimer(r.pause(try))
		select {
		case <-ctx.Done():
			wait.Stop()
			return errors.Join(context.Cause(ctx), err)
		case <-wait.C:
		}
	}
}

// pause returns how long to wait after a try. No two clients wait equally long.
func (r *retrier) pause(try int) time.Duration {
	first := r.first
	if first == 0 {
		first = firstPause
	}
	pause := first << (try - 1)
	pause += rand.N(pause / 2)
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(max(pause, time.Until(r.until)), longestPause)
}

// permanentError is one that no other try would heal.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// passing tells whether the same may succeed later.
func passing(err error) bool {
	if permanent := (permanentError{}); errors.As(err, &permanent) {
		return false
	}
	if refused := (*transport.Error)(nil); errors.As(err, &refused) {
		switch code := refused.StatusCode; code {
		case http.StatusRequestTimeout, http.StatusTooManyRequests:
			return true
		default:
			return code >= 500 && code != http.StatusNotImplemented
		}
	}
	for _, broken := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, broken) {
			return true
		}
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return true
	}
	// The errors of the standard library's HTTP/2 have no names outside of it.
	return strings.Contains(err.Error(), "http2: ") || strings.Contains(err.Error(), "stream error: ")
}
