package traffic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"

	"github.com/davit-dev/davit/internal/x/atomicfile"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// secureFormat is the version of Secure's form that this program writes.
const secureFormat = 1

// maxSecureBytes bounds an encoded Secure: some five thousand certificates.
const maxSecureBytes = 32 << 20

// maxPort is the largest number of a TCP port.
const maxPort = 1<<16 - 1

// Secure is what the edge needs for answers in TLS. Control sends it as a whole,
// and the edge keeps it on disk, so that it needs no control for the next start.
type Secure struct {
	Format int `json:"format"` // set by Encode
	// Redirect sends plain production requests to https, where their host has a
	// certificate that is good now.
	Redirect bool `json:"redirect"`
	// Port is where clients reach the secure listener; 0 means where it listens.
	Port int `json:"port,omitempty"`
	// HSTS is how long browsers are told to use https only (RFC 6797); 0: they are not.
	HSTS quantity.Duration `json:"hsts"`
	// Certificates are in PEM, each with its chain, the leaf first, and its key.
	Certificates []string `json:"certificates"`
}

// Encode validates s and returns it as JSON; DecodeSecure reads it back.
func (s Secure) Encode() ([]byte, error) {
	s.Format = secureFormat
	if err := s.Validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode what is shown in TLS: %w", err)
	}
	if len(data) > maxSecureBytes {
		return nil, fmt.Errorf("what is shown in TLS is %d bytes, allowed are %d", len(data), maxSecureBytes)
	}
	return data, nil
}

// DecodeSecure reads the JSON form. Unknown keys, anything behind it, and what is
// over the size limit are errors. That the certificates can be read is left to
// whoever uses them.
func DecodeSecure(data []byte) (Secure, error) {
	if len(data) > maxSecureBytes {
		return Secure{}, fmt.Errorf("what is shown in TLS is over %d bytes", maxSecureBytes)
	}
	var s Secure
	if err := decodeStrictly(data, &s); err != nil {
		return Secure{}, fmt.Errorf("decode what is shown in TLS: %w", err)
	}
	if s.Format != secureFormat {
		return Secure{}, fmt.Errorf("what is shown in TLS has format %d, expected %d", s.Format, secureFormat)
	}
	return s, s.Validate()
}

// Validate says what is out of range, the certificates left aside.
func (s Secure) Validate() error {
	if s.Port < 0 || s.Port > maxPort {
		return fmt.Errorf("port %d of https is not from 0 to %d", s.Port, maxPort)
	}
	if s.HSTS < 0 {
		return fmt.Errorf("%s is not a time for HSTS", s.HSTS)
	}
	return nil
}

// parseCertificate reads a certificate for servers with its key. A key that does
// not fit and a leaf without names are errors.
func parseCertificate(text string) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair([]byte(text), []byte(text))
	if err != nil {
		return nil, fmt.Errorf("read a certificate: %w", err)
	}
	if c.Leaf == nil { // as GODEBUG=x509keypairleaf=0 has it
		if c.Leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
			return nil, fmt.Errorf("read a certificate: %w", err)
		}
	}
	if len(c.Leaf.DNSNames) == 0 {
		return nil, fmt.Errorf("certificate %x is for no host", c.Leaf.SerialNumber)
	}
	return &c, nil
}

// readSecure returns what is kept at path; the zero value when there is nothing.
func readSecure(path string) (Secure, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Secure{}, nil
	}
	if err != nil {
		return Secure{}, fmt.Errorf("read what is shown in TLS: %w", err)
	}
	s, err := DecodeSecure(data)
	if err != nil {
		return Secure{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// loadSecure shows what is on disk. What is damaged is left out, not fatal: control
// sends all of it as soon as it is there.
func (e *Edge) loadSecure() {
	if e.deps.Secure == nil || e.config.SecureFile == "" {
		return
	}
	s, err := readSecure(e.config.SecureFile)
	if err != nil {
		e.deps.Log.Error("edge starts without its certificates", "error", err)
		return
	}
	k, errs := newKeyring(s, e.deps.Secure.Addr())
	for _, err := range errs {
		e.deps.Log.Error("certificate left out", "file", e.config.SecureFile, "error", err)
	}
	e.router.keys.Store(k)
}

// putSecure shows s from now on. As with tables, the swap comes before the disk.
func (e *Edge) putSecure(s Secure, encoded []byte) error {
	if e.deps.Secure == nil {
		return errors.New("edge has no listener for TLS")
	}
	k, errs := newKeyring(s, e.deps.Secure.Addr())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.router.keys.Store(k)
	e.deps.Log.Info("certificates in force", "names", len(k.names))
	if e.config.SecureFile == "" {
		return nil
	}
	if err := atomicfile.Write(e.config.SecureFile, encoded, 0o600); err != nil {
		return fmt.Errorf("keep what is shown in TLS: %w", err)
	}
	return nil
}

func (e *Edge) handleSecure(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSecureBytes+1))
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("read what is shown in TLS: %w", err))
		return
	}
	s, err := DecodeSecure(data)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	if err := e.putSecure(s, data); err != nil {
		fail(w, http.StatusConflict, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// PutSecure has the edge show s in TLS, now and after its next start. When one of
// the certificates cannot be read, nothing changes.
func (c *Client) PutSecure(ctx context.Context, s Secure) error {
	data, err := s.Encode()
	if err == nil {
		err = c.call(ctx, http.MethodPut, "/secure", data, nil)
	}
	if err != nil {
		return fmt.Errorf("put certificates: %w", err)
	}
	return nil
}
