package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strings"
)

// challengePath is where a CA looks whether who asks for a certificate has the host
// (RFC 8555 section 8.3).
const challengePath = "/.well-known/acme-challenge/"

// Challenges are hosts for which a CA is about to look at plain production, and who
// answers it. The edge forgets them with its end.
type Challenges struct {
	At    string   `json:"at"`    // host:port on loopback
	Hosts []string `json:"hosts"` // none: no challenge is under way
}

func (c Challenges) validate() error {
	at, err := netip.ParseAddrPort(c.At)
	if len(c.Hosts) > 0 && (err != nil || !at.Addr().IsLoopback()) {
		return fmt.Errorf("challenges are answered at %q, which is not a port of a loopback address", c.At)
	}
	for _, h := range c.Hosts {
		if !validHost(h) {
			return fmt.Errorf("%q in the challenges is not a host", h)
		}
	}
	return nil
}

func decodeChallenges(data []byte) (Challenges, error) {
	var c Challenges
	if err := decodeStrictly(data, &c); err != nil {
		return Challenges{}, err
	}
	if err := c.validate(); err != nil {
		return Challenges{}, err
	}
	for i, h := range c.Hosts {
		c.Hosts[i] = hostname(h)
	}
	return c, nil
}

// challenged answers a request that a CA makes for a host, and reports whether r is
// one of those.
func (d *door) challenged(w http.ResponseWriter, r *http.Request, host string) bool {
	c := d.router.challenges.Load()
	if c == nil || !strings.HasPrefix(r.URL.Path, challengePath) || !slices.Contains(c.Hosts, host) {
		return false
	}
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.Out.URL.Scheme, p.Out.URL.Host = "http", c.At },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "nobody answers the challenge now", http.StatusBadGateway)
		},
		ErrorLog: d.errors,
	}
	proxy.ServeHTTP(w, r)
	return true
}

func (e *Edge) putChallenges(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTableBytes))
	var c Challenges
	if err == nil {
		c, err = decodeChallenges(data)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("read challenges: %w", err))
		return
	}
	e.router.challenges.Store(&c)
	w.WriteHeader(http.StatusNoContent)
}

// PutChallenges replaces those that are under way.
func (c *Client) PutChallenges(ctx context.Context, all Challenges) error {
	data, err := json.Marshal(all)
	if err == nil {
		err = c.call(ctx, http.MethodPut, "/challenges", data, nil)
	}
	if err != nil {
		return fmt.Errorf("put challenges: %w", err)
	}
	return nil
}
