package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// apiCertificate is what a listener shows, read anew when its files change.
type apiCertificate struct {
	cert, key string // files in PEM
	log       *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	stamp  [2]time.Time // of the files, when they were read last
}

// openCertificate reads a certificate, and wants it to be good for now.
func openCertificate(cert, key string, log *slog.Logger) (*apiCertificate, error) {
	c := &apiCertificate{cert: cert, key: key, log: log}
	stamp, err := c.look()
	if err == nil {
		c.loaded, err = c.read()
	}
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	c.stamp = stamp
	return c, nil
}

func (c *apiCertificate) look() (stamp [2]time.Time, err error) {
	for i, file := range []string{c.cert, c.key} {
		info, err := os.Stat(file)
		if err != nil {
			return stamp, err
		}
		stamp[i] = info.ModTime()
	}
	return stamp, nil
}

func (c *apiCertificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.cert, err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("%s expired at %s", c.cert, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

// get implements tls.Config.GetCertificate. Files that cannot be read, as between
// the writing of one and the other, leave the one before in force.
func (c *apiCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamp, err := c.look()
	if err != nil || stamp == c.stamp {
		return c.loaded, nil // it is looked at again with the next connection
	}
	c.stamp = stamp
	fresh, err := c.read()
	if err != nil {
		c.log.Warn("the certificate was not read anew", "error", err)
		return c.loaded, nil
	}
	c.log.Info("the certificate was read anew", "until", fresh.Leaf.NotAfter)
	c.loaded = fresh
	return fresh, nil
}

func (c *apiCertificate) fingerprint() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return api.Fingerprint(c.loaded.Leaf.Raw)
}

// ownLife is how long a certificate of davit's own is good. Clients know it by its
// fingerprint, which changes with it.
const ownLife = 10 * 365 * 24 * time.Hour

// ownCertificate returns the files of a certificate that davit has made for itself,
// making them on the first call.
func ownCertificate(folder, address string) (cert, key string, err error) {
	cert, key = filepath.Join(folder, "api.crt"), filepath.Join(folder, "api.key")
	if _, err := os.Stat(cert); !errors.Is(err, os.ErrNotExist) {
		return cert, key, err
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "davit"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(ownLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	template.DNSNames, template.IPAddresses = names(address)
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	// The certificate comes last: where it is, its key is there.
	return cert, key, errors.Join(
		atomicfile.Write(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
		atomicfile.Write(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}

// names are what this machine is called, for who listens on an address.
func names(address string) (dns []string, ips []net.IP) {
	dns, ips = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	if host, err := os.Hostname(); err == nil {
		dns = append(dns, host)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return dns, ips
	}
	if ip := net.ParseIP(host); ip == nil {
		dns = append(dns, host)
	} else if !ip.IsUnspecified() && !ip.IsLoopback() {
		ips = append(ips, ip)
	}
	return dns, ips
}
