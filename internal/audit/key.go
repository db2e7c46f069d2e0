package audit

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// The files of a journal, in its folder.
const (
	databaseName = "control.db"
	keyName      = "journal.key" // signs checkpoints; 0600
	publicName   = "journal.pub" // verifies them
)

// signingKey is what a journal signs its checkpoints with.
type signingKey struct {
	signer note.Signer
	public string // verifier key, in the form of sumdb/note
}

// openKey reads the key in dir. It makes one only where there is no journal yet:
// a journal that is continued with another key cannot be told from a forged one.
func openKey(dir string) (signingKey, error) {
	secret, err := os.ReadFile(filepath.Join(dir, keyName))
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(dir)
	}
	if err != nil {
		return signingKey{}, fmt.Errorf("read the journal's key: %w", err)
	}
	public, err := ReadPublicKey(dir)
	if err != nil {
		return signingKey{}, err
	}
	return newKey(strings.TrimSpace(string(secret)), public)
}

func makeKey(dir string) (signingKey, error) {
	if _, err := os.Stat(filepath.Join(dir, databaseName)); !errors.Is(err, fs.ErrNotExist) {
		return signingKey{}, errors.Join(fmt.Errorf(
			"%s is missing in %s, without it the journal there cannot be continued: put it back from a backup",
			keyName, dir), err)
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	secret, public, err := note.GenerateKey(rand.Reader, "davit/"+hex.EncodeToString(id[:]))
	if err != nil {
		return signingKey{}, fmt.Errorf("make the journal's key: %w", err)
	}
	// The public one first: where there is a key, there are both.
	if err := atomicfile.Write(filepath.Join(dir, publicName), []byte(public+"\n"), 0o644); err != nil {
		return signingKey{}, err
	}
	if err := atomicfile.Write(filepath.Join(dir, keyName), []byte(secret+"\n"), 0o600); err != nil {
		return signingKey{}, err
	}
	return newKey(secret, public)
}

// ReadPublicKey returns the verifier key of the journal in a folder, in the form
// of sumdb/note.
func ReadPublicKey(dir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dir, publicName))
	if err != nil {
		return "", fmt.Errorf("read the journal's public key: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// newKey puts a key together and tries whether its halves belong together.
func newKey(secret, public string) (signingKey, error) {
	signer, err := note.NewSigner(secret)
	if err != nil {
		return signingKey{}, fmt.Errorf("read %s: %w", keyName, err)
	}
	trial, err := sign(signer, public, &tree{})
	if err != nil {
		return signingKey{}, err
	}
	if _, err := ParseCheckpoint(trial.Note, public); err != nil {
		return signingKey{}, fmt.Errorf("%s and %s do not belong together: %w", keyName, publicName, err)
	}
	return signingKey{signer: signer, public: public}, nil
}
