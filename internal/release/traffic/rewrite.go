package traffic

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"strings"
)

const (
	requestIDHeader   = "X-Request-Id"
	traceparentHeader = "Traceparent"
	maxRequestID      = 128
)

// rewrite makes the request that a version gets. ReverseProxy has taken the
// hop-by-hop headers out before. The target's address is filled in by each attempt.
func rewrite(p *httputil.ProxyRequest) {
	p.Out.URL.Scheme = "http"
	// The edge looks at no query, so there is none that it could misread.
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	// Shared, not cloned: the trailers are there when the body has been read.
	p.Out.Trailer = p.In.Trailer
	stripForged(p.Out.Trailer)
	stripForged(p.Out.Header)
	stripCookie(p.Out.Header)
	p.SetXForwarded()
	identify(p.Out.Header)
}

// stripForged takes out what only the edge may say. Nobody in front of it is
// trusted.
func stripForged(h http.Header) {
	for name := range h {
		if forged(name) {
			delete(h, name)
		}
	}
}

// forged reports whether a field of this name says what only the edge may say. An
// underscore is as good as a hyphen: apps that get fields as environment variables
// cannot tell them apart (RFC 3875 section 4.1.18).
func forged(name string) bool {
	return beginsLike(name, "x-forwarded-") || beginsLike(name, "x-davit-") ||
		len(name) == len("forwarded") && beginsLike(name, "forwarded") ||
		len(name) == len("x-real-ip") && beginsLike(name, "x-real-ip")
}

// beginsLike compares without regard to case and to hyphens and underscores; the
// prefix is in lower case with hyphens.
func beginsLike(name, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := name[i]
		switch {
		case c == '_':
			c = '-'
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// identify keeps the caller's request id and trace, or makes them.
func identify(h http.Header) {
	if id := h.Get(requestIDHeader); id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, notGraphic) {
		h.Set(requestIDHeader, fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()))
	}
	if !validTraceparent(h.Get(traceparentHeader)) {
		h.Del("Tracestate") // it belongs to the traceparent that was not one
		h.Set(traceparentHeader, fmt.Sprintf("00-%016x%016x-%016x-01",
			rand.Uint64(), rand.Uint64()|1, rand.Uint64()|1))
	}
}

// validTraceparent reports whether s is a traceparent by W3C Trace Context
// section 3.2: version, trace id, parent id and flags in lower-case hex, the ids
// not zero. A version above 00 may have more behind.
func validTraceparent(s string) bool {
	const length = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	if len(s) < length || s[:2] == "ff" || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	if len(s) > length && (s[:2] == "00" || s[length] != '-') {
		return false
	}
	trace, parent := s[3:35], s[36:52]
	hex := s[:2] + trace + parent + s[53:length]
	return strings.Trim(hex, "0123456789abcdef") == "" &&
		strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != ""
}
