package attest_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/attest"
)

// typed is a password that somebody typed.
func typed(text string) attest.Password {
	return func() ([]byte, error) { return []byte(text), nil }
}

// sealed returns the key in testdata, whose password is "sesame".
func sealed(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "encrypted.key"))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestEncryptedKeysSign(t *testing.T) {
	public, err := attest.LoadPublicKey(filepath.Join("testdata", "encrypted.pub"))
	if err != nil {
		t.Fatal(err)
	}
	older := sealed(t)
	newer := bytes.ReplaceAll(older, []byte("ENCRYPTED COSIGN"), []byte("ENCRYPTED SIGSTORE"))
	for name, data := range map[string][]byte{"older": older, "newer": newer} {
		key, err := attest.ParseKey(data, typed("sesame"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if signature, err := key.Sign([]byte("m")); err != nil || !public.Verify([]byte("m"), signature) {
			t.Errorf("%s: the public key refuses the signature, %v", name, err)
		}
	}
	for _, wrong := range []string{"", "Sesame", "sesame "} {
		if _, err := attest.ParseKey(older, typed(wrong)); !errors.Is(err, attest.ErrPassword) {
			t.Errorf("password %q: %v", wrong, err)
		}
	}
	silent := errors.New("nobody answers")
	if _, err := attest.ParseKey(older, func() ([]byte, error) { return nil, silent }); !errors.Is(err, silent) {
		t.Errorf("error %v", err)
	}
	if _, err := attest.ParseKey(older, nil); err == nil || !strings.Contains(err.Error(), "encrypted") {
		t.Errorf("without a password: %v", err)
	}
}

// What a key file says decides about memory and time before the password does.
func TestEncryptedKeysAreReadStrictly(t *testing.T) {
	asked := func() ([]byte, error) {
		t.Error("the password was asked for")
		return nil, nil
	}
	for change, want := range map[[2]string]string{
		{`"N":32768`, `"N":1073741824`}:                  "N=1073741824",
		{`"N":32768`, `"N":-1`}:                          "N=-1",
		{`"r":8`, `"r":8000`}:                            "r=8000",
		{`"p":1`, `"p":1000000`}:                         "p=1000000",
		{`"scrypt"`, `"argon2"`}:                         `"argon2"`,
		{`"nacl/secretbox"`, `"none"`}:                   `"none"`,
		{`"nonce":"`, `"nonce":"AAAA`}:                   "nonce has 27 bytes",
		{`"kdf"`, `kdf`}:                                 "invalid character",
		{`"ciphertext":"`, `"ciphertext":"nothing at "`}: "PRIVATE KEY: ",
	} {
		block, _ := pem.Decode(sealed(t))
		block.Bytes = bytes.Replace(block.Bytes, []byte(change[0]), []byte(change[1]), 1)
		if _, err := attest.ParseKey(pem.EncodeToMemory(block), asked); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", change[1], err, want)
		}
	}
}

// The law: no text is decrypted with a password that it was not encrypted with.
func FuzzParseEncryptedKey(f *testing.F) {
	block, _ := pem.Decode(sealed(f))
	f.Add(block.Bytes)
	f.Fuzz(func(t *testing.T, data []byte) {
		text := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: data})
		if _, err := attest.ParseKey(text, typed("wrong")); err == nil {
			t.Error("a key was read with a wrong password")
		}
	})
}
