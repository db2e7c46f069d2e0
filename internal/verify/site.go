package verify

import (
	"fmt"
	"net"
	"net/url"
)

// Site is a running version and how to reach it.
type Site struct {
	URL  string // where requests go: "http://127.0.0.1:8081", without a path
	Host string // Host header; "": that of URL
}

// validate says why requests cannot be sent to s. A load run is traffic that
// hurts when it goes to somebody else, so it stays on this machine.
func (s Site) validate(load bool) error {
	u, err := url.Parse(s.URL)
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" {
		return fmt.Errorf("site: %q is not a URL such as http://127.0.0.1:8081", s.URL)
	}
	if load && !loopback(u.Hostname()) {
		return fmt.Errorf("site: %s is not on this machine; a load run is only sent to loopback addresses, such as 127.0.0.1", u.Host)
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
