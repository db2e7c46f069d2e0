package certificate

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
)

// Config says where certificates are kept and who signs them. The zero value of each
// time is its default.
type Config struct {
	Folder string        // for their owner alone; made when it is needed
	ACME   ACME          // the zero value: everything is signed by the own authority
	Life   time.Duration // of what that signs; 0 means 90 days
	Check  time.Duration // how often it is asked what has to be renewed; 0 means 10 min
	// Retry is after how long a name is tried again that could not be had; it grows
	// threefold with each failure, up to six hours. 0 means a minute, with which a CA
	// that allows five failures an hour is not offended.
	Retry time.Duration
}

// ACME is a CA for names that others can check.
type ACME struct {
	Email     string // of the account; giving it is agreeing to the CA's terms. "": no ACME
	Directory string // URL; "" means Let's Encrypt
	RootFile  string // roots in PEM by which the server of the directory is known; "": those of the system
}

const (
	defaultCheck = 10 * time.Minute
	defaultRetry = time.Minute
	maxRetry     = 6 * time.Hour
)

func (c Config) filled() Config {
	c.Life = cmp.Or(c.Life, leafLife)
	c.Check = cmp.Or(c.Check, defaultCheck)
	c.Retry = cmp.Or(c.Retry, defaultRetry)
	c.ACME.Directory = cmp.Or(c.ACME.Directory, certmagic.LetsEncryptProductionCA)
	return c
}

// Validate says what does not go together, in words of the flags.
func (a ACME) Validate() error {
	if a.Email == "" {
		if a.Directory != "" || a.RootFile != "" {
			return errors.New("--acme-directory and --acme-root need --acme-email: the address of the account, which agrees to the CA's terms")
		}
		return nil
	}
	if at, err := mail.ParseAddress(a.Email); err != nil || at.Address != a.Email {
		return fmt.Errorf("--acme-email: %q is not an address such as admin@example.com", a.Email)
	}
	if a.Directory == "" {
		return nil
	}
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--acme-directory: %q is not a URL such as https://ca.example.com/acme/directory", a.Directory)
	}
	return nil
}

// roots reads those that the server of the directory is known by; nil: the system's.
func (a ACME) roots() (*x509.CertPool, error) {
	if a.RootFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(a.RootFile)
	if err != nil {
		return nil, fmt.Errorf("read --acme-root: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read --acme-root: %s has no certificate in PEM", a.RootFile)
	}
	return pool, nil
}

// signs says whether a CA is asked for a name. A CA of the world has none for names
// that mean something else in each place (RFC 6761, RFC 8375); one whose root is
// private may, except for those that mean the own machine.
func (a ACME) signs(host string) bool {
	if a.Email == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return false
	}
	if a.RootFile != "" {
		return true
	}
	for _, own := range []string{".test", ".example", ".invalid", ".onion"} {
		if strings.HasSuffix(host, own) {
			return false
		}
	}
	return strings.Contains(host, ".") && certmagic.SubjectQualifiesForPublicCert(host)
}
