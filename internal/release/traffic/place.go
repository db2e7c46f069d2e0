package traffic

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// place is where an app answers: at a host, and there for all paths or for those
// below a prefix.
type place struct {
	host   string // as hostname returns it
	prefix string // without a slash at its end; "" is every path
}

// maxPrefix bounds a prefix, in bytes.
const maxPrefix = 200

// parsePlace reads an entry of Route.Hosts.
func parsePlace(entry string) (place, error) {
	host, prefix, below := strings.Cut(entry, "/")
	if !validHost(host) {
		return place{}, errors.New("it is not a host name or IP address without a port, with or without a path")
	}
	p := place{host: hostname(host)}
	if !below {
		return p, nil
	}
	p.prefix = "/" + prefix
	if len(p.prefix) > maxPrefix {
		return place{}, errors.New("its path is too long")
	}
	for segment := range strings.SplitSeq(prefix, "/") {
		if !validSegment(segment) {
			return place{}, errors.New("its path has a segment that is not made of letters, digits and - . _ ~")
		}
	}
	return p, nil
}

// validSegment reports whether s is a segment of a path that reads the same
// however often it is decoded (RFC 3986, section 2.3), and leads nowhere else.
func validSegment(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		digit := r >= '0' && r <= '9'
		return !letter && !digit && !strings.ContainsRune("-._~", r)
	})
}

// mount is a route below a prefix.
type mount struct {
	prefix string
	route  *route
}

// site is all that answers at a host, the longest prefix first.
type site []mount

// with returns s with another mount.
func (s site) with(m mount) site {
	at, _ := slices.BinarySearchFunc(s, m, func(a, b mount) int { return len(b.prefix) - len(a.prefix) })
	return slices.Insert(s, at, m)
}

// find returns the mount whose prefix is the longest that a path is at or below;
// it has no route where there is none.
func (s site) find(path string) mount {
	for _, m := range s {
		below, under := strings.CutPrefix(path, m.prefix)
		if under && (below == "" || below[0] == '/' || m.prefix == "") {
			return m
		}
	}
	return mount{}
}

// pathOf is what a request is for; tests ask for nothing.
func pathOf(in *http.Request) string {
	if in == nil {
		return "/"
	}
	return in.URL.Path
}
