package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Client speaks to an edge over its unix socket. It is safe for concurrent use.
// Its methods wait as long as their context allows.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client for the edge at the socket; it connects when used.
func NewClient(socket string) *Client {
	var d net.Dialer
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}}}
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// PutTable puts t in force, and when t is in force already, renews its leases.
// When it returns nil, every later request is routed by t, and t is on disk. The
// error is ErrStale when the edge has a newer table or another one of the same
// version, and ErrNotDurable when t is in force but not on disk.
func (c *Client) PutTable(ctx context.Context, t Table) error {
	data, err := t.Encode()
	if err == nil {
		err = c.call(ctx, http.MethodPut, "/table", data, nil)
	}
	if err != nil {
		return fmt.Errorf("put route table %d: %w", t.Version, err)
	}
	return nil
}

// Cohorts returns the closed cohorts after a sequence number, and lets the edge
// forget those up to it. Of another epoch than the edge's, everything is returned.
func (c *Client) Cohorts(ctx context.Context, epoch string, after uint64) (Cohorts, error) {
	q := url.Values{"epoch": {epoch}, "after": {strconv.FormatUint(after, 10)}}
	var got Cohorts
	if err := c.call(ctx, http.MethodGet, "/cohorts?"+q.Encode(), nil, &got); err != nil {
		return Cohorts{}, fmt.Errorf("read cohorts: %w", err)
	}
	return got, nil
}

// Status returns what the edge is doing.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var got Status
	if err := c.call(ctx, http.MethodGet, "/status", nil, &got); err != nil {
		return Status{}, fmt.Errorf("read edge status: %w", err)
	}
	return got, nil
}

// Past returns what a version did on the production listener since the edge
// started; nothing when the edge does not know it.
func (c *Client) Past(ctx context.Context, app, label string) (Past, error) {
	q := url.Values{"app": {app}, "label": {label}}
	var got Past
	if err := c.call(ctx, http.MethodGet, "/past?"+q.Encode(), nil, &got); err != nil {
		return Past{}, fmt.Errorf("read the past of %s of %s: %w", label, app, err)
	}
	return got, nil
}

// Drain names a version whose requests in flight are waited for.
type Drain struct {
	Listener   Listener
	App, Label string
	Timeout    time.Duration
}

// Drained waits until no request is in flight on a version that left its route,
// or has weight 0, for as long as the timeout says, and returns how many are
// left. A version that the edge does not know has none; one that still gets
// requests is the error ErrRouted.
func (c *Client) Drained(ctx context.Context, d Drain) (left int64, err error) {
	q := url.Values{
		"listener": {string(d.Listener)}, "app": {d.App}, "label": {d.Label},
		"timeout": {d.Timeout.String()},
	}
	var got drained
	if err := c.call(ctx, http.MethodPost, "/drain?"+q.Encode(), nil, &got); err != nil {
		return 0, fmt.Errorf("drain %s of %s: %w", d.Label, d.App, err)
	}
	return got.Left, nil
}

// Watch returns when the edge is gone, at once when it dies, with an error that
// says so; or with the context's error when that ends first.
func (c *Client) Watch(ctx context.Context) error {
	err := c.call(ctx, http.MethodGet, "/watch", nil, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = errors.New("it ended")
	}
	return fmt.Errorf("watch edge: %w", err)
}

// call makes one request and decodes the answer into v unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body []byte, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://edge"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if at, ok := errors.AsType[*url.Error](err); ok {
			err = at.Err // its URL means nothing on a unix socket
		}
		return err
	}
	defer res.Body.Close()
	if err := failure(res); err != nil {
		return err
	}
	if v == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	if err := json.NewDecoder(res.Body).Decode(v); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// maxProblem bounds how much of an error answer is read.
const maxProblem = 64 << 10

// failure returns the error that an answer carries.
func failure(res *http.Response) error {
	if res.StatusCode < 300 {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil {
		return fmt.Errorf("read answer %s: %w", res.Status, err)
	}
	var p problem
	if json.Unmarshal(data, &p) != nil || p.Error == "" {
		return fmt.Errorf("edge answered %s", res.Status)
	}
	if sentinel, known := kinds()[p.Kind]; known {
		return &remoteError{text: p.Error, sentinel: sentinel}
	}
	return errors.New(p.Error)
}

// remoteError is an error of the edge that keeps its text and its identity.
type remoteError struct {
	text     string
	sentinel error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.sentinel }
