package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// Login is how this user gets into a server elsewhere.
type Login struct {
	URL         string `json:"url"`
	Key         string `json:"key"`                   // of a token
	Fingerprint string `json:"fingerprint,omitempty"` // the server's certificate is this one; "": it is signed by Roots
	Roots       string `json:"roots,omitempty"`       // certificates in PEM; "": those of this machine
}

// loginsFile is where this user's logins are, for this user alone.
func loginsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for logins: %w", err)
	}
	return filepath.Join(dir, "davit", "logins.json"), nil
}

// Logins returns those that are kept.
func Logins() ([]Login, error) {
	file, err := loginsFile()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var logins []Login
	if err == nil {
		err = json.Unmarshal(data, &logins)
	}
	if err != nil {
		return nil, &HintError{Err: fmt.Errorf("read logins: %s: %w", file, err), Tip: "remove the file and log in again"}
	}
	return logins, nil
}

// FindLogin returns the one of a server.
func FindLogin(server string) (*Login, error) {
	logins, err := Logins()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(logins, func(l Login) bool { return l.URL == server })
	if i < 0 {
		return nil, &HintError{Err: fmt.Errorf("there is no login for %s", server), Tip: fmt.Sprintf("'davit login %s' makes one, or $DAVIT_TOKEN is it", server)}
	}
	return &logins[i], nil
}

// KeepLogin keeps a login, instead of an earlier one at the same server.
func KeepLogin(l Login) error {
	logins, err := Logins()
	if err != nil {
		return err
	}
	return writeLogins(append(withoutLogin(logins, l.URL), l))
}

// RemoveLogin forgets the login at a server and reports whether there was one.
func RemoveLogin(server string) (bool, error) {
	logins, err := Logins()
	if err != nil {
		return false, err
	}
	left := withoutLogin(logins, server)
	if len(left) == len(logins) {
		return false, nil
	}
	return true, writeLogins(left)
}

func withoutLogin(logins []Login, server string) []Login {
	return slices.DeleteFunc(slices.Clone(logins), func(l Login) bool { return l.URL == server })
}

func writeLogins(logins []Login) error {
	file, err := loginsFile()
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(logins, "", "  ")
	if err != nil {
		return fmt.Errorf("keep login: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep login: %w", err)
	}
	return atomicfile.Write(file, append(data, '\n'), 0o600)
}

// Shown returns the fingerprint of the certificate that a server shows, and why it
// is not trusted by its authorities, nil if it is.
func Shown(ctx context.Context, server, roots string) (fingerprint string, doubt, err error) {
	l := Login{URL: server, Roots: roots}
	transport, err := l.transport()
	if err != nil {
		return "", nil, err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, err
	}
	address := u.Host
	if u.Port() == "" {
		address += ":443"
	}
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: u.Hostname(),
		InsecureSkipVerify: true, //nolint:gosec // nothing is said on this connection: it is looked at
	}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("connect to %s: %w", server, err)
	}
	defer conn.Close()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates //nolint:forcetypeassert // of tls.Dialer
	others := x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	_, doubt = chain[0].Verify(x509.VerifyOptions{
		DNSName: u.Hostname(), Intermediates: others, Roots: transport.TLSClientConfig.RootCAs,
	})
	return api.Fingerprint(chain[0].Raw), doubt, nil
}

// CheckLogin asks the server whether it takes the login.
func CheckLogin(ctx context.Context, l Login) error {
	s, err := Dial(Address{Login: &l})
	if err != nil {
		return err
	}
	_, err = s.Status(ctx)
	return err
}
