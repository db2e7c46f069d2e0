package attest

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"
)

// The types of private keys that cosign writes, from version 2.1 on and before.
// What they hold is the same.
const (
	sigstoreKeyType = "ENCRYPTED SIGSTORE PRIVATE KEY"
	cosignKeyType   = "ENCRYPTED COSIGN PRIVATE KEY"
)

// Password returns the password of an encrypted key. An empty one is valid.
type Password func() ([]byte, error)

// ErrPassword says that a key cannot be decrypted with the password.
var ErrPassword = errors.New("the password is wrong, or the key was changed")

// encrypted is what is in cosign's private keys (theupdateframework/go-tuf,
// package encrypted): a secretbox whose key scrypt makes of the password.
type encrypted struct {
	KDF struct {
		Name   string       `json:"name"`
		Params scryptParams `json:"params"`
		Salt   []byte       `json:"salt"`
	} `json:"kdf"`
	Cipher struct {
		Name  string `json:"name"`
		Nonce []byte `json:"nonce"`
	} `json:"cipher"`
	Ciphertext []byte `json:"ciphertext"`
}

// scryptParams are those of RFC 7914.
type scryptParams struct {
	N int `json:"N"`
	R int `json:"r"`
	P int `json:"p"`
}

// known says whether the parameters are of the three kinds that are written.
// Others could ask for any amount of memory and time.
func (p scryptParams) known() bool {
	return (p.N == 1<<15 || p.N == 1<<16 || p.N == 1<<17) && p.R == 8 && p.P == 1
}

// decrypt returns the key in PKCS #8.
func decrypt(data []byte, password Password) ([]byte, error) {
	var e encrypted
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	var nonce [24]byte
	var key [32]byte
	switch {
	case e.KDF.Name != "scrypt" || e.Cipher.Name != "nacl/secretbox":
		return nil, fmt.Errorf("it is encrypted by %q and %q (allowed: scrypt and nacl/secretbox)", e.KDF.Name, e.Cipher.Name)
	case !e.KDF.Params.known():
		return nil, fmt.Errorf("the parameters of scrypt are N=%d, r=%d, p=%d (allowed: N=32768, 65536 or 131072, r=8, p=1)",
			e.KDF.Params.N, e.KDF.Params.R, e.KDF.Params.P)
	case len(e.Cipher.Nonce) != len(nonce):
		return nil, fmt.Errorf("its nonce has %d bytes, not %d", len(e.Cipher.Nonce), len(nonce))
	case password == nil:
		return nil, errors.New("it is encrypted, and nobody can be asked for the password")
	}
	secret, err := password()
	if err != nil {
		return nil, err
	}
	made, err := scrypt.Key(secret, e.KDF.Salt, e.KDF.Params.N, e.KDF.Params.R, e.KDF.Params.P, len(key))
	if err != nil {
		return nil, err
	}
	copy(key[:], made)
	copy(nonce[:], e.Cipher.Nonce)
	plain, ok := secretbox.Open(nil, e.Ciphertext, &nonce, &key)
	if !ok {
		return nil, ErrPassword
	}
	return plain, nil
}
