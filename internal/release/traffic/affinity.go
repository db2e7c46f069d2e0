package traffic

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Affinity says which requests are one session, and stay with one version for as
// long as the weights allow. The session is then the unit: it is drawn once, and
// its first request is the one that is counted.
type Affinity struct {
	By     AffinityKind `json:"by"`
	Header string       `json:"header,omitempty"` // for ByHeader
}

// AffinityKind is how a session is recognized.
type AffinityKind string

// The kinds of affinity.
const (
	// ByCookie gives each client without one a signed cookie of the edge's own.
	ByCookie AffinityKind = "cookie"
	// ByHeader takes requests with the same value of a header for one session, and
	// each without the header for one of its own.
	ByHeader AffinityKind = "header"
	// ByClientIP takes an IPv4 address or an IPv6 network of 64 bits for one.
	ByClientIP AffinityKind = "client-ip"
)

func (a *Affinity) validate() error {
	switch {
	case a == nil, a.By == ByCookie && a.Header == "", a.By == ByClientIP && a.Header == "":
		return nil
	case a.By == ByHeader && validToken(a.Header):
		return nil
	}
	return fmt.Errorf("affinity by %q with the header %q is not by %q, %q, or %q with the name of one",
		a.By, a.Header, ByCookie, ByClientIP, ByHeader)
}

// validToken reports whether s can be the name of a header (RFC 9110 section 5.6.2).
func validToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return notGraphic(r) || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// assignment is what a request's session came to.
type assignment struct {
	canary bool
	unit   bool   // to be counted
	cookie string // for the client to keep, "" when it has one
}

// assign finds the session of a request to a route with a canary and returns its
// version. The caller holds the router's lock.
func (to *route) assign(in *http.Request, draw func() float64) assignment {
	if to.Affinity == nil || in == nil {
		return assignment{canary: draw() < to.weight, unit: true}
	}
	if to.weight == 0 {
		return assignment{} // drawn and counted when there is something to draw
	}
	if to.Affinity.By == ByCookie {
		return to.assignCookie(in)
	}
	id := in.RemoteAddr
	if to.Affinity.By == ByHeader {
		id = in.Header.Get(to.Affinity.Header)
	} else if at, err := netip.ParseAddrPort(in.RemoteAddr); err == nil {
		id = network(at.Addr().Unmap())
	}
	if id == "" {
		return assignment{canary: draw() < to.weight, unit: true}
	}
	return assignment{canary: to.sessions.Canary(id, to.weight), unit: to.sessions.First(id)}
}

// network is what stays of a client's address: with IPv6 it changes within its
// network of 64 bits (RFC 8981).
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// assignCookie counts a session when it is born, or, if it was born before this
// canary, at its first request since then.
func (to *route) assignCookie(in *http.Request) assignment {
	s := to.sessions
	held, known := s.key.session(in, to.App)
	if !known {
		held = newSession(s.birth())
	}
	a := assignment{canary: s.Canary(held.name(), to.weight), unit: true}
	switch {
	case !known:
		a.cookie = s.key.sign(held, to.App)
	case held.birth == s.birth():
		a.unit = false
	default:
		a.unit = s.First(held.name())
	}
	return a
}
