package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// fingerprintPrefix is how the fingerprint of a certificate begins.
const fingerprintPrefix = "SHA256:"

// Fingerprint is what people compare of a certificate (DER): SHA256:HEX.
func Fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return fingerprintPrefix + hex.EncodeToString(sum[:])
}

// ParseFingerprint reads a fingerprint, also with colons and in capitals as other
// tools write it.
func ParseFingerprint(text string) (string, error) {
	digits := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(strings.ToUpper(text), fingerprintPrefix), ":", ""))
	if data, err := hex.DecodeString(digits); err != nil || len(data) != sha256.Size {
		return "", fmt.Errorf("%q is not the fingerprint of a certificate: SHA256: and 64 hexadecimal digits", text)
	}
	return fingerprintPrefix + digits, nil
}

// ChangedError says that a server has another certificate than the one that is
// known, or that somebody stands in between.
type ChangedError struct{ Known, Shown string }

// Error implements error.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("THE SERVER'S CERTIFICATE HAS CHANGED, or somebody stands between it and you: it shows %s, known is %s", e.Shown, e.Known)
}

// Hint returns the next step.
func (e *ChangedError) Hint() string {
	return "ask the operator for the fingerprint, which 'davit status' shows on the server; if it is the new one, log in again"
}

// untrustedError says that nobody vouches for a server's certificate.
type untrustedError struct{ err error }

// Error implements error.
func (e *untrustedError) Error() string { return e.err.Error() }

// Unwrap returns what is wrong with it.
func (e *untrustedError) Unwrap() error { return e.err }

// Hint returns the next step.
func (e *untrustedError) Hint() string {
	return "'davit status' on the server shows the certificate's fingerprint, for $DAVIT_FINGERPRINT or 'davit login --fingerprint'"
}

// Trust is how a client knows a server: by the fingerprint of its certificate, by
// the authorities in roots, or, without either, by those of the machine.
func Trust(fingerprint string, roots *x509.CertPool) *tls.Config {
	if fingerprint == "" {
		return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection wants one certificate and no other
		VerifyConnection: func(s tls.ConnectionState) error {
			shown := Fingerprint(s.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare([]byte(shown), []byte(fingerprint)) != 1 {
				return &ChangedError{Known: fingerprint, Shown: shown}
			}
			return nil
		},
	}
}
