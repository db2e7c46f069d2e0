package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxAnswer  = 4 << 20          // bytes of a body that assertions look at
	answerTime = 30 * time.Second // most for the answer to one assertion
)

// errDropped is a request that the site took and gave no answer to.
var errDropped = errors.New("connection closed without an answer")

var errTooLarge = fmt.Errorf("the body is larger than %d MiB", maxAnswer>>20)

// client sends requests to one site.
type client struct {
	site Site
	http *http.Client
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration // from before the request until after the body
}

func newClient(site Site, transport http.RoundTripper) *client {
	return &client{site: site, http: &http.Client{
		Transport: transport,
		// A redirect is an answer to be looked at, not one to be followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// newTransport returns what requests travel on: straight to the site, whatever
// the environment says of proxies, and bodies as they were sent.
func newTransport() *http.Transport {
	return &http.Transport{
		DisableCompression:  true,
		MaxIdleConns:        maxInFlight,
		MaxIdleConnsPerHost: maxInFlight,
	}
}

// send sends the request and returns its answer, whose body the caller closes.
// A transport repeats some requests by itself when a kept connection is closed on
// them; for who asks whether the site answers, that is an error.
func (c *client) send(ctx context.Context, request Request, headers map[string]string, body string) (*http.Response, error) {
	var tries atomic.Int32
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { tries.Add(1) }})
	req, err := http.NewRequestWithContext(ctx, request.Method, c.site.URL+request.Target, strings.NewReader(body))
	if err != nil {
		return nil, unwrapURL(err)
	}
	if c.site.Host != "" {
		req.Host = c.site.Host
	}
	req.Header.Set("User-Agent", "davit-verify")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unwrapURL(err)
	}
	if tries.Load() > 1 {
		resp.Body.Close()
		return nil, errDropped
	}
	return resp, nil
}

// ask sends the request and reads the whole answer.
func (c *client) ask(ctx context.Context, request Request, headers map[string]string, body string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	begin := time.Now()
	resp, err := c.send(ctx, request, headers, body)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("read body: %w", err)
	}
	if len(data) > maxAnswer {
		return answer{}, errTooLarge
	}
	return answer{resp.StatusCode, resp.Header, data, time.Since(begin)}, nil
}

// closed are the errors by which a connection says that the other end is gone.
var closed = []error{errDropped, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF}

// errorKind names why there was no answer, in a few words that many share.
func errorKind(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case slices.ContainsFunc(closed, func(target error) bool { return errors.Is(err, target) }):
		return "connection closed"
	default:
		return "no answer"
	}
}
