package traffic

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// keyring is a Secure in force. It is never changed.
type keyring struct {
	redirect bool
	port     int    // 0: nobody knows
	hsts     string // value of the field, "" without one
	names    map[string]*tls.Certificate
}

// newKeyring reads the certificates of s, and returns with the ring what is wrong
// with those that are not in it. Of two for one name it takes the one that is good
// for longer.
func newKeyring(s Secure, listener net.Addr) (*keyring, []error) {
	k := &keyring{redirect: s.Redirect, port: s.Port, names: make(map[string]*tls.Certificate)}
	if at, ok := listener.(*net.TCPAddr); ok && k.port == 0 {
		k.port = at.Port
	}
	if s.HSTS > 0 {
		k.hsts = fmt.Sprintf("max-age=%d", int64(s.HSTS.Std()/time.Second))
	}
	var errs []error
	for i, text := range s.Certificates {
		c, err := parseCertificate(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("certificate %d of %d: %w", i+1, len(s.Certificates), err))
			continue
		}
		for _, name := range c.Leaf.DNSNames {
			name = hostname(name)
			if other := k.names[name]; other == nil || other.Leaf.NotAfter.Before(c.Leaf.NotAfter) {
				k.names[name] = c
			}
		}
	}
	return k, errs
}

// find returns the certificate for a host, or that of the wildcard above it; nil
// when there is none.
func (k *keyring) find(host string) *tls.Certificate {
	if k == nil {
		return nil
	}
	if c := k.names[host]; c != nil {
		return c
	}
	if _, parent, found := strings.Cut(host, "."); found {
		return k.names["*."+parent]
	}
	return nil
}

// elsewhere returns where a plain request for a host is sent to; "" when it is
// answered where it is. A certificate that is no good would lead nowhere.
func (k *keyring) elsewhere(host string, r *http.Request, now time.Time) string {
	if k == nil || !k.redirect {
		return ""
	}
	c := k.find(host)
	if c == nil || now.After(c.Leaf.NotAfter) || now.Before(c.Leaf.NotBefore) {
		return ""
	}
	if k.port != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(k.port))
	}
	uri := r.URL.RequestURI()
	if !strings.HasPrefix(uri, "/") {
		uri = "/" // of OPTIONS *
	}
	return "https://" + host + uri
}

// remember tells the client's browser to come back in https, unless the app has
// said something about that itself.
func (k *keyring) remember(answer http.Header) {
	const field = "Strict-Transport-Security"
	if k != nil && k.hsts != "" && answer.Get(field) == "" {
		answer.Set(field, k.hsts)
	}
}
