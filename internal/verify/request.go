package verify

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// maxTarget is the most bytes of a request's path and query.
const maxTarget = 4096

// Request is the first line of a request, "GET /orders?limit=5" as text. The
// target may hold {{placeholders}}.
type Request struct {
	Method string
	Target string // path and query, beginning with /
}

// String returns the text that UnmarshalText reads.
func (r Request) String() string { return r.Method + " " + r.Target }

// MarshalText implements encoding.TextMarshaler.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Request) UnmarshalText(text []byte) error {
	method, target, found := strings.Cut(strings.TrimSpace(string(text)), " ")
	request := Request{Method: method, Target: strings.TrimSpace(target)}
	if !found {
		return fmt.Errorf("%q is not a request such as GET /orders", text)
	}
	if err := request.validate(); err != nil {
		return err
	}
	*r = request
	return nil
}

func (r Request) validate() error {
	if !slices.Contains(methods, r.Method) {
		return fmt.Errorf("%q: %q is not a method; allowed: %s", r, r.Method, strings.Join(methods, ", "))
	}
	if len(r.Target) > maxTarget {
		return fmt.Errorf("request: the path is longer than %d bytes", maxTarget)
	}
	// What a placeholder becomes is escaped when it is filled in.
	plain := placeholder.ReplaceAllString(r.Target, "x")
	if !strings.HasPrefix(plain, "/") {
		return fmt.Errorf("%q: the path must begin with /", r)
	}
	if strings.ContainsAny(plain, " #\"<>\\^`{|}") {
		return fmt.Errorf("%q: the path holds a character that must be percent-encoded", r)
	}
	if _, err := url.ParseRequestURI(plain); err != nil {
		return fmt.Errorf("%q: the path cannot be sent: %w", r, unwrapURL(err))
	}
	return nil
}

// unwrapURL leaves out what a *url.Error repeats: the operation and the URL.
func unwrapURL(err error) error {
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // only the outermost error repeats it
		return wrapped.Err
	}
	return err
}
