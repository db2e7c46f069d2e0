package certificate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

const (
	rootLife = 10 * 365 * 24 * time.Hour
	// leafLife is what browsers will come down to, and more than a machine is off.
	leafLife = 90 * 24 * time.Hour
	// skew is how far the clock of a client may be behind.
	skew = time.Hour
)

// authority is a CA of this server alone. It implements certmagic.Issuer.
type authority struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
	life time.Duration // of what it signs
}

// RootFile is where the certificate of a folder's own authority is: who trusts it
// trusts the hosts of this server, and whatever else its key signs.
func RootFile(folder string) string { return filepath.Join(folder, "root.crt") }

// KeyFile is where the key of a folder's own authority is.
func KeyFile(folder string) string { return filepath.Join(folder, "root.key") }

// openAuthority reads the authority of a folder, and makes it on the first call.
func openAuthority(folder string, life time.Duration) (*authority, error) {
	if _, err := os.Stat(RootFile(folder)); errors.Is(err, fs.ErrNotExist) {
		if err := makeAuthority(folder); err != nil {
			return nil, fmt.Errorf("make the own CA: %w", err)
		}
	}
	a, err := readAuthority(folder)
	if err != nil {
		return nil, fmt.Errorf("read the own CA: %w; without %s a new one is made, which nobody trusts yet", err, RootFile(folder))
	}
	a.life = life
	return a, nil
}

func makeAuthority(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	number, err := serial()
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: number,
		Subject:      pkix.Name{Organization: []string{"davit"}, CommonName: "davit " + now.UTC().Format("2006-01-02 15:04:05")},
		NotBefore:    now.Add(-skew), NotAfter: now.Add(rootLife),
		// It is for servers, by name, and makes no other CAs.
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The certificate comes last: where it is, its key is there.
	return errors.Join(
		atomicfile.Write(KeyFile(folder), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
		atomicfile.Write(RootFile(folder), encode(der), 0o644))
}

func readAuthority(folder string) (*authority, error) {
	text, err := os.ReadFile(RootFile(folder))
	if err != nil {
		return nil, err
	}
	private, err := os.ReadFile(KeyFile(folder))
	if err != nil {
		return nil, err
	}
	return parseAuthority(text, private)
}

// parseAuthority wants a CA and its own key.
func parseAuthority(text, private []byte) (*authority, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("its certificate is not in PEM")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if block, _ = pem.Decode(private); block == nil {
		return nil, errors.New("its key is not in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !root.IsCA || !key.PublicKey.Equal(root.PublicKey) {
		return nil, errors.New("its key is of another certificate, or that is not of a CA")
	}
	return &authority{key: key, root: root}, nil
}

func serial() (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) }

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Issue implements certmagic.Issuer.
func (a *authority) Issue(_ context.Context, request *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	if err := request.CheckSignature(); err != nil {
		return nil, err
	}
	number, err := serial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	until := now.Add(a.life)
	if until.After(a.root.NotAfter) {
		until = a.root.NotAfter
	}
	if !until.After(now) {
		return nil, fmt.Errorf("the own CA was good until %s: move its files away, and a new one is made", a.root.NotAfter.Format(time.DateOnly))
	}
	template := &x509.Certificate{
		SerialNumber: number, DNSNames: request.DNSNames, IPAddresses: request.IPAddresses,
		NotBefore: now.Add(-min(skew, a.life/10)), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, request.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &certmagic.IssuedCertificate{Certificate: encode(der)}, nil
}

// IssuerKey implements certmagic.Issuer. Another root is another issuer: what the one
// before it has signed is trusted no more, and is not looked at.
func (a *authority) IssuerKey() string {
	sum := sha256.Sum256(a.root.Raw)
	return "own-" + hex.EncodeToString(sum[:8])
}
