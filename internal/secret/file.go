package secret

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// formVersion is the version of the form of the encrypted file.
const formVersion = 1

// form is what the file holds once it is opened.
type form struct {
	Version int     `json:"version"`
	Secrets []entry `json:"secrets"`
}

// key opens the file and makes fingerprints.
type key struct {
	identity *age.X25519Identity
	mac      []byte
}

func newKey(identity *age.X25519Identity) (*key, error) {
	mac, err := hkdf.Key(sha256.New, []byte(identity.String()), nil, "davit secret fingerprint", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of fingerprints: %w", err)
	}
	return &key{identity, mac}, nil
}

// fingerprint names a value without telling it: 64 bits of a keyed hash, since a
// plain one would let anybody who reads a plan try out short values. The same
// value for another name, app or stage has another.
func (k *key) fingerprint(at Info, value string) string {
	mac := hmac.New(sha256.New, k.mac)
	for _, part := range []string{at.App, string(at.Stage), at.Name, value} {
		fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// load reads the key and what it opens.
func (s *Store) load() error {
	sealed, err := os.ReadFile(s.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read secrets: %w", err)
	}
	there := err == nil
	text, err := os.ReadFile(s.keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !there:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("open %s: its key %s is gone; bring it back from where it was kept, or remove the file and set the secrets anew",
			s.file, s.keyFile)
	case err != nil:
		return fmt.Errorf("read the key of the secrets: %w", err)
	}
	if err := private(s.keyFile); err != nil {
		return err
	}
	identity, err := age.ParseX25519Identity(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("read the key of the secrets: %s holds no age identity", s.keyFile)
	}
	if s.key, err = newKey(identity); err != nil || !there {
		return err
	}
	s.kept, err = unseal(identity, sealed)
	if err != nil {
		return fmt.Errorf("open %s: %w", s.file, err)
	}
	return nil
}

// private refuses a key that others can read.
func private(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at the key of the secrets: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("the key of the secrets %s has mode %s; it must be a file for its owner alone (chmod 600)", path, info.Mode())
	}
	return nil
}

// needKey makes the key on first use.
func (s *Store) needKey() error {
	if s.key != nil {
		return nil
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make the key of the secrets: %w", err)
	}
	fresh, err := newKey(identity)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(s.keyFile, []byte(identity.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the key of the secrets: %w", err)
	}
	s.key = fresh
	return nil
}

// write puts the secrets to disk, and takes them over once they are there.
func (s *Store) write(next []entry) error {
	data, err := json.Marshal(form{Version: formVersion, Secrets: next})
	if err != nil {
		return errors.New("encode secrets") // the error could quote a value
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, s.key.identity.Recipient())
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("encrypt secrets: %w", err)
	}
	if err := atomicfile.Write(s.file, sealed.Bytes(), 0o600); err != nil {
		return fmt.Errorf("keep secrets: %w", err)
	}
	s.kept = next
	return nil
}

func unseal(identity age.Identity, sealed []byte) ([]entry, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), identity)
	if err != nil {
		return nil, fmt.Errorf("decrypt secrets: %w", err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decrypt secrets: %w", err)
	}
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(data, &head) == nil && head.Version != formVersion { // whatever form the rest has
		return nil, fmt.Errorf("it has version %d, this davit knows version %d: use the davit that wrote it", head.Version, formVersion)
	}
	var f form
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, errors.New("what is in it cannot be read") // the error could quote a value
	}
	return f.Secrets, nil
}
