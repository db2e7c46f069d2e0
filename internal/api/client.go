package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"

	"github.com/davit-dev/davit/internal/release"
)

// Client speaks to a server.
type Client struct {
	http *http.Client
	base string // URL in front of every path
	key  string // of a token; "" on the socket, which says by itself who asks
}

// NewClient returns a client for the socket at path. It does not connect yet.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, base: "http://davit"}
}

// NewRemoteClient returns a client for the server at a URL, who shows the key of a
// token. It does not connect yet.
func NewRemoteClient(base, key string, through http.RoundTripper) *Client {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // a token is for one server
	return &Client{http: &http.Client{Transport: through, CheckRedirect: stay}, base: base, key: key}
}

// Status returns everything that is to be seen at one look.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	err := c.call(ctx, http.MethodGet, "/v1/status", nil, &status)
	return status, err
}

// Submit hands a pushed plan over. Refusals are of type *Error.
func (c *Client) Submit(ctx context.Context, s Submission) (release.Summary, error) {
	var summary release.Summary
	err := c.call(ctx, http.MethodPost, "/v1/releases", s, &summary)
	return summary, err
}

// Steer applies a verb to a release or to an app.
func (c *Client) Steer(ctx context.Context, verb Verb, target string) (release.Summary, error) {
	kind := "apps"
	if verb.OfRelease() {
		kind = "releases"
	}
	var summary release.Summary
	path := fmt.Sprintf("/v1/%s/%s/%s", kind, url.PathEscape(target), verb)
	err := c.call(ctx, http.MethodPost, path, nil, &summary)
	return summary, err
}

// Explain returns how the evidence about a release grew.
func (c *Client) Explain(ctx context.Context, id string) (release.Explanation, error) {
	var explanation release.Explanation
	err := c.call(ctx, http.MethodGet, "/v1/releases/"+url.PathEscape(id)+"/explanation", nil, &explanation)
	return explanation, err
}

// Follow calls fn with the release's summary now and after each change. It
// returns nil when the release has ended or the server has.
func (c *Client) Follow(ctx context.Context, id string, fn func(release.Summary) error) error {
	resp, err := c.send(ctx, http.MethodGet, "/v1/releases/"+url.PathEscape(id)+"/events", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return readEvents(resp, fn)
}

// Logs streams lines of an app's instances.
func (c *Client) Logs(ctx context.Context, q LogQuery) (io.ReadCloser, error) {
	values := url.Values{
		"release": {q.Release}, "tail": {strconv.Itoa(q.Tail)}, "follow": {strconv.FormatBool(q.Follow)},
	}
	resp, err := c.send(ctx, http.MethodGet, "/v1/apps/"+url.PathEscape(q.App)+"/logs?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Journal streams the hashed bytes of all entries from an index on, a line each.
func (c *Client) Journal(ctx context.Context, from int64) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, "/v1/journal?from="+strconv.FormatInt(from, 10), nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Checkpoint returns the journal's head, and the proof from an old size on.
func (c *Client) Checkpoint(ctx context.Context, old int64) (Checkpoint, error) {
	var checkpoint Checkpoint
	err := c.call(ctx, http.MethodGet, "/v1/checkpoint?old="+strconv.FormatInt(old, 10), nil, &checkpoint)
	return checkpoint, err
}

// Shutdown asks for the orderly end of everything.
func (c *Client) Shutdown(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/shutdown", nil, &struct{}{})
}

// call sends a request and decodes its answer.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("decode the answer to %s: %w", path, err)
	}
	return nil
}

// send returns the answer when it is good; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode the request to %s: %w", path, err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make the request to %s: %w", path, err)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if c.key == "" && (errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)) {
			return nil, ErrNotRunning
		}
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			err = &untrustedError{err}
		}
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, decodeError(resp)
	}
	return resp, nil
}
