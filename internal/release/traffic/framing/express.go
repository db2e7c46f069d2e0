package framing

import (
	"net/http"
	"strings"
)

// Expressible reports whether an HTTP/2 request can be written in HTTP/1 and still
// say the same (RFC 9113 section 10.3): net/http lets spaces pass in a query, a
// method and a host that would end them there.
func Expressible(r *http.Request) bool {
	for _, host := range r.Header["Host"] {
		if !strings.EqualFold(host, r.Host) {
			return false // RFC 9113 section 8.3.1
		}
	}
	target := strings.HasPrefix(r.RequestURI, "/") || r.RequestURI == "*" && r.Method == http.MethodOptions
	return target && all(r.RequestURI, visible) && r.Method != "" && all(r.Method, token) && validHost(r.Host)
}
