package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The files of GenerateKey.
const (
	PrivateName = "davit.key"
	PublicName  = "davit.pub"
)

// Key signs, with ECDSA on P-256 over SHA-256, which is what cosign makes.
type Key struct {
	private *ecdsa.PrivateKey
}

// PublicKey verifies what the Key signed.
type PublicKey struct {
	key *ecdsa.PublicKey
}

// GenerateKey makes a key pair in the folder dir: davit.key, which only its
// owner can read, and davit.pub. It never replaces a file.
func GenerateKey(dir string) (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	key := Key{private}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	public, err := key.Public().PEM()
	if err != nil {
		return Key{}, err
	}
	path := filepath.Join(dir, PrivateName)
	if err := writeNew(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return Key{}, fmt.Errorf("write key: %w", err)
	}
	if err := writeNew(filepath.Join(dir, PublicName), public, 0o644); err != nil {
		return Key{}, errors.Join(fmt.Errorf("write key: %w", err), os.Remove(path))
	}
	return key, nil
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; davit does not replace keys, move it away first", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// LoadKey reads a private key from a file, as ParseKey does.
func LoadKey(path string, password Password) (Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	key, err := ParseKey(data, password)
	if err != nil {
		return Key{}, fmt.Errorf("read key %s: %w", path, err)
	}
	return key, nil
}

// ParseKey reads a private key in PEM, on the curve P-256: PKCS #8, SEC 1 ("EC
// PRIVATE KEY"), or as cosign encrypts it. The password is asked for when it is
// needed; without one, an encrypted key is refused.
func ParseKey(data []byte, password Password) (Key, error) {
	block, rest := pem.Decode(data)
	for block != nil && block.Type == "EC PARAMETERS" { // openssl ecparam writes them first
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return Key{}, errors.New("it is not in PEM (allowed: a file that begins with -----BEGIN PRIVATE KEY-----, " +
			"-----BEGIN EC PRIVATE KEY----- or -----BEGIN " + sigstoreKeyType + "-----)")
	}
	parsed, err := parseBlock(block, password)
	if err != nil {
		return Key{}, err
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return Key{}, errors.New("it is not a key of ECDSA on the curve P-256, the only kind davit signs with")
	}
	return Key{private}, nil
}

func parseBlock(block *pem.Block, password Password) (parsed any, err error) {
	switch {
	case block.Type == "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY" && block.Headers["DEK-Info"] == "":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case block.Type == sigstoreKeyType || block.Type == cosignKeyType:
		var plain []byte
		if plain, err = decrypt(block.Bytes, password); err == nil {
			parsed, err = x509.ParsePKCS8PrivateKey(plain)
		}
	case strings.HasPrefix(block.Type, "ENCRYPTED ") || block.Headers["DEK-Info"] != "":
		return nil, fmt.Errorf("it is encrypted (%s), and of encrypted keys davit reads only those of cosign; "+
			"'cosign import-key-pair' makes one of it", block.Type)
	case block.Type == "PUBLIC KEY":
		return nil, errors.New("it is a public key, which can only verify; name the private one")
	default:
		return nil, fmt.Errorf("%q is not a private key (allowed: PRIVATE KEY, EC PRIVATE KEY, %s)", block.Type, sigstoreKeyType)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", block.Type, err)
	}
	return parsed, nil
}

// LoadPublicKey reads a public key in PEM (SubjectPublicKeyInfo) from a file.
func LoadPublicKey(path string) (PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return PublicKey{}, fmt.Errorf("read public key: %w", err)
	}
	key, err := ParsePublicKey(data)
	if err != nil {
		return PublicKey{}, fmt.Errorf("read public key %s: %w", path, err)
	}
	return key, nil
}

// ParsePublicKey reads a public key in PEM (SubjectPublicKeyInfo).
func ParsePublicKey(data []byte) (PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		return PublicKey{}, errors.New("it is not a public key in PEM (allowed: a file that begins with -----BEGIN PUBLIC KEY-----)")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, err
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return PublicKey{}, errors.New("it is not a key of ECDSA on the curve P-256, the only kind davit verifies with")
	}
	return PublicKey{public}, nil
}

// Public returns the key that verifies.
func (k Key) Public() PublicKey { return PublicKey{&k.private.PublicKey} }

// Sign returns the signature of a message in ASN.1, the same one each time
// (RFC 6979).
func (k Key) Sign(message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	signature, err := k.private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

// Verify says whether the signature is the key's, of the message.
func (k PublicKey) Verify(message, signature []byte) bool {
	sum := sha256.Sum256(message)
	return k.key != nil && ecdsa.VerifyASN1(k.key, sum[:], signature)
}

// PEM returns the key as cosign reads it.
func (k PublicKey) PEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// hint names the key for who has several: cosign's form, the SHA-256 of the
// SubjectPublicKeyInfo in base64.
func (k PublicKey) hint() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		return "", fmt.Errorf("name public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}
