package app

import (
	"net"
	"net/http"
	"net/url"
)

// guard refuses what a web page in the operator's browser could send to a
// loopback address: a foreign Host (DNS rebinding) and any Origin but its own.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !local(r.Host) || !sameOrigin(r) {
			http.Error(w, "davit answers its own page and local tools only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// local says whether a Host header names this machine's loopback.
func local(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if name == "localhost" {
		return true
	}
	ip := net.ParseIP(trimBrackets(name))
	return ip != nil && ip.IsLoopback()
}

func trimBrackets(name string) string {
	if len(name) > 2 && name[0] == '[' && name[len(name)-1] == ']' {
		return name[1 : len(name)-1]
	}
	return name
}

func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == "http" && u.Host == r.Host
}

// loopback says whether an address to listen on stays on this machine.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && local(host)
}
