package sink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// explain puts what a developer can do before what a registry, or the way to it,
// said.
func explain(to Reference, err error) error {
	advice := ""
	refused := (*transport.Error)(nil)
	switch {
	case errors.Is(err, context.Canceled):
	case errors.As(err, &refused):
		advice = adviceOnStatus(to, refused)
	default:
		advice = adviceOnConnection(to.Registry(), err)
	}
	if advice == "" {
		return err
	}
	return fmt.Errorf("%s: %w", advice, err)
}

func adviceOnStatus(to Reference, refused *transport.Error) string {
	host := to.Registry()
	for _, d := range refused.Errors {
		if d.Code == transport.NameInvalidErrorCode || d.Code == transport.TagInvalidErrorCode {
			return fmt.Sprintf("%s does not accept the name (%s; many registries want a certain number of parts)", host, allowedForm)
		}
		if d.Code == transport.DigestInvalidErrorCode {
			return host + " received other bytes than were sent; something on the way changes them"
		}
	}
	switch refused.StatusCode {
	case http.StatusUnauthorized:
		return fmt.Sprintf("%s wants another user or password: log in with 'docker login %s'", host, host)
	case http.StatusForbidden:
		return fmt.Sprintf("%s does not let you write to %s: log in with 'docker login %s' as somebody who may", host, to.Repository(), host)
	case http.StatusNotFound:
		return fmt.Sprintf("%s has no repository %s (some registries want it to be created first), or is no registry", host, to.path)
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return host + " does not take images; is it a mirror, or read-only?"
	case http.StatusRequestEntityTooLarge:
		return host + " does not take a blob of that size; a proxy before it may have a limit (nginx: client_max_body_size)"
	case http.StatusTooManyRequests:
		return host + " is asked too much; wait, or log in for a higher limit"
	}
	return ""
}

func adviceOnConnection(host string, err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		wrong    x509.HostnameError
		plain    tls.RecordHeaderError
		resolver *net.DNSError
	)
	switch {
	case errors.As(err, &unknown):
		return host + " has a certificate of an authority that this machine does not know; add it to the system's, or name its file in SSL_CERT_FILE"
	case errors.As(err, &wrong):
		return host + " has a certificate for another name"
	case errors.As(err, &plain), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return host + " speaks plain HTTP, which only a registry on this machine or at a private address may"
	case errors.As(err, &resolver):
		return host + " is not known to the name server; is the registry spelled right?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at " + host
	case strings.Contains(err.Error(), "SSRF protection"):
		return host + " sends uploads on to a private address, which is refused; have it send relative locations or its own address"
	case strings.Contains(err.Error(), "getting credentials"):
		return "the credential helper that Docker's configuration names for " + host + " does not work"
	}
	return ""
}
