package attest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/attest"
)

func TestGenerateKeyWritesForItsOwnerAndReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	made, err := attest.GenerateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	private, public := filepath.Join(dir, attest.PrivateName), filepath.Join(dir, attest.PublicName)
	for path, want := range map[string]fs.FileMode{private: 0o600, public: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	loaded, err := attest.LoadKey(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := attest.LoadPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := loaded.Sign([]byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := made.Sign([]byte("m"))
	if err != nil || !bytes.Equal(signature, again) {
		t.Errorf("signatures of one message differ, %v", err)
	}
	if !verifier.Verify([]byte("m"), signature) || verifier.Verify([]byte("n"), signature) {
		t.Error("the public key is not that of the private one")
	}
	if _, err := attest.GenerateKey(dir); err == nil || !strings.Contains(err.Error(), "does not replace keys") {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(private); err != nil {
		t.Fatal(err)
	}
	if _, err := attest.GenerateKey(dir); err == nil {
		t.Error("a public key was replaced")
	}
	if _, err := os.Stat(private); err == nil {
		t.Error("half a pair was left")
	}
}

// The message and the signature are those of RFC 6979, appendix A.2.5, with
// SHA-256.
func TestSignaturesAreThoseOfRFC6979(t *testing.T) {
	d, err := hex.DecodeString("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	if err != nil {
		t.Fatal(err)
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := attest.ParseKey(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := key.Sign([]byte("sample"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
		"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
	} {
		want, ok := new(big.Int).SetString(part, 16)
		if !ok || !bytes.Contains(signature, want.Bytes()) {
			t.Errorf("signature %x lacks %s", signature, part)
		}
	}
}

func encode(t *testing.T, kind string, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestParseKeyRefuses(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := newKey(t).Public().PEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":      {nil, "not in PEM"},
		"public":       {public, "which can only verify"},
		"P-384":        {encode(t, "PRIVATE KEY", p384), "P-256"},
		"RSA":          {encode(t, "PRIVATE KEY", big), "P-256"},
		"Ed25519":      {encode(t, "PRIVATE KEY", edwards), "P-256"},
		"not cosign's": {encode(t, "ENCRYPTED SIGSTORE PRIVATE KEY", p384), "invalid character"},
		"PKCS #8":      {encode(t, "ENCRYPTED PRIVATE KEY", p384), "encrypted"},
		"damaged":      {[]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "PRIVATE KEY: "},
		"other":        {encode(t, "CERTIFICATE", p384), `"CERTIFICATE" is not a private key`},
		"openssl": {
			[]byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n"), "encrypted",
		},
	} {
		if _, err := attest.ParseKey(c.text, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
	if _, err := attest.ParsePublicKey(encode(t, "PRIVATE KEY", p384)); err == nil {
		t.Error("a private key was taken for a public one")
	}
	if _, err := attest.LoadKey(filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("a key was read from nowhere")
	}
}

// The law: a key that can be read signs what its public half verifies.
func FuzzParseKey(f *testing.F) {
	dir := f.TempDir()
	if _, err := attest.GenerateKey(dir); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{attest.PrivateName, attest.PublicName} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), text...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := attest.ParseKey(data, nil)
		if err != nil {
			return
		}
		signature, err := key.Sign(data)
		if err != nil {
			t.Fatal(err)
		}
		text, err := key.Public().PEM()
		if err != nil {
			t.Fatal(err)
		}
		public, err := attest.ParsePublicKey(text)
		if err != nil || !public.Verify(data, signature) {
			t.Errorf("own signature refused, %v", err)
		}
	})
}
