package release

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Affinity says which requests are one session: it stays with its version while
// the weights allow, and is counted once. NoAffinity draws each request by itself.
type Affinity string

// The affinities that have no name of a header in them: the others are
// "header:NAME".
const (
	NoAffinity       Affinity = ""
	AffinityCookie   Affinity = "cookie"    // of the edge's own
	AffinityClientIP Affinity = "client-ip" // or the network of 64 bits, with IPv6
)

// AffinityForm is the regular expression of what UnmarshalText takes. A header's
// name is a token (RFC 9110 section 5.6.2).
const AffinityForm = "^(|none|cookie|client-ip|header:[-!#$%&'*+.^_`|~0-9A-Za-z]+)$"

var affinityForm = regexp.MustCompile(AffinityForm)

const headerPrefix = "header:"

// Header returns the canonical name of the header whose value is the session,
// when it is one.
func (a Affinity) Header() (name string, by bool) {
	if name, by = strings.CutPrefix(string(a), headerPrefix); !by {
		return "", false
	}
	return http.CanonicalHeaderKey(name), true
}

// UnmarshalText implements encoding.TextUnmarshaler. The text "none" is
// NoAffinity, as none is.
func (a *Affinity) UnmarshalText(text []byte) error {
	value := Affinity(text)
	if !affinityForm.Match(text) {
		return fmt.Errorf("%q is not one of none, cookie, client-ip, or header:NAME such as header:X-User-Id", text)
	}
	if name, by := value.Header(); by && changing(name) {
		return fmt.Errorf("the header %s is not the same in all requests of a session, or is set by the edge: "+
			"use one that says who asks, such as header:X-User-Id", name)
	}
	if value == "none" {
		value = NoAffinity
	}
	*a = value
	return nil
}

// changing says whether a header is another one with each request of a client,
// or does not come from it at all.
func changing(name string) bool {
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "X-Davit-") ||
		slices.Contains([]string{
			"Connection", "Content-Length", "Cookie", "Forwarded", "Host", "Te", "Traceparent", "Tracestate", "Trailer",
			"Transfer-Encoding", "Upgrade", "X-Real-Ip", "X-Request-Id",
		}, name)
}

// unit is what the edge counts, in the plural.
func (a Affinity) unit() string {
	if a == NoAffinity {
		return "requests"
	}
	return "sessions"
}
