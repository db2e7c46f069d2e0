package app

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/davit-dev/davit/internal/api"
)

// Address is where a server is: on this machine, or behind a login.
type Address struct {
	Data  string // its data folder, when it is on this machine
	Login *Login // nil on this machine
}

// Here is the server of a data folder, of the usual one for "".
func Here(data string) (Address, error) {
	if data != "" {
		return Address{Data: data}, nil
	}
	data, err := DefaultData()
	return Address{Data: data}, err
}

// FindServer returns the server that somebody means by a data folder or a URL. Of
// both "", it is $DAVIT_SERVER, or else on this machine. The token of a URL is in
// $DAVIT_TOKEN, or was kept by a login.
func FindServer(data, server string) (Address, error) {
	switch {
	case data != "" && server != "":
		return Address{}, errors.New("--data is a server on this machine, and --server one elsewhere: name one of them")
	case data != "":
		return Here(data)
	case server == "":
		server = os.Getenv("DAVIT_SERVER")
	}
	if server == "" {
		return Here("")
	}
	base, err := ServerURL(server)
	if err != nil {
		return Address{}, err
	}
	if key := os.Getenv("DAVIT_TOKEN"); key != "" {
		login := &Login{URL: base, Key: key}
		if pin := os.Getenv("DAVIT_FINGERPRINT"); pin != "" {
			if login.Fingerprint, err = api.ParseFingerprint(pin); err != nil {
				return Address{}, fmt.Errorf("DAVIT_FINGERPRINT: %w", err)
			}
		}
		return Address{Login: login}, nil
	}
	login, err := FindLogin(base)
	return Address{Login: login}, err
}

// ServerURL brings the URL of a server into the form in which logins are kept.
func ServerURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery+u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return "", fmt.Errorf("%q is not the address of a server, such as https://davit.example.com:7443", text)
	}
	return "https://" + u.Host, nil
}

// Dial returns a client for a server, without connecting.
func Dial(at Address) (*api.Client, error) {
	if at.Login != nil {
		transport, err := at.Login.transport()
		if err != nil {
			return nil, err
		}
		return api.NewRemoteClient(at.Login.URL, at.Login.Key, transport), nil
	}
	paths, err := NewPaths(at.Data)
	if err != nil {
		return nil, err
	}
	return api.NewClient(paths.API()), nil
}

// origin is what this user's memory of a journal is kept under.
func (a Address) origin() (string, error) {
	if a.Login != nil {
		return a.Login.URL, nil
	}
	paths, err := NewPaths(a.Data)
	return paths.Data, err
}

func (a Address) dock(status api.Status) (dock, error) {
	if a.Login == nil {
		paths, err := NewPaths(a.Data)
		if err != nil {
			return dock{}, err
		}
		password, err := password(paths.Password())
		return dock{scheme: "http", address: status.Registry, password: password}, err
	}
	u, err := url.Parse(a.Login.URL)
	if err != nil {
		return dock{}, fmt.Errorf("find the registry: %w", err)
	}
	transport, err := a.Login.transport()
	return dock{scheme: "https", address: u.Host, password: a.Login.Key, transport: transport}, err
}

// transport trusts the server as the login does.
func (l *Login) transport() (*http.Transport, error) {
	var roots *x509.CertPool
	if l.Roots != "" {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(l.Roots)) {
			return nil, fmt.Errorf("the login at %s has roots that are no certificates", l.URL)
		}
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSClientConfig: api.Trust(l.Fingerprint, roots),
	}, nil
}
