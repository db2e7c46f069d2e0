package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Kind says who signs a certificate.
type Kind string

// The kinds of issuers.
const (
	Own  Kind = "own"
	Acme Kind = "acme"
)

// Entry is a host and the certificate that there is for it.
type Entry struct {
	Host     string
	Issuer   Kind      // of the certificate; without one, who is asked
	Serial   string    // in hexadecimal digits, "" while there is none
	NotAfter time.Time // zero while there is none
	Error    string    // why the last attempt failed, "" if it did not
	Failures uint64    // attempts that failed, since the start
	Retry    time.Time // when it is tried again after a failure; zero: with the next check
}

// held is a certificate with its key, in PEM.
type held struct {
	kind Kind
	text string
	leaf *x509.Certificate
}

// parseHeld reads what a storage has. A key that does not belong to the certificate,
// as between the writing of one and the other, is an error.
func parseHeld(kind Kind, chain, key []byte) (held, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return held{}, err
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return held{}, err
	}
	if len(leaf.DNSNames) == 0 {
		return held{}, errors.New("certificate is for no host")
	}
	return held{kind: kind, text: string(chain) + "\n" + string(key), leaf: leaf}, nil
}

func (h held) serial() string { return fmt.Sprintf("%x", h.leaf.SerialNumber) }
