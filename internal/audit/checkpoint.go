package audit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed statement that a journal of Size entries has the tree
// hash Root. Whoever keeps one can tell later that entries before it are gone
// or are not what they were.
type Checkpoint struct {
	Origin string    `json:"origin"` // name of the journal
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"` // base64 in JSON
	Key    string    `json:"key"`  // verifier key that the signature was checked with
	Note   string    `json:"note"` // as it was signed
}

// String says what was signed in the words of a message to people.
func (c Checkpoint) String() string {
	return fmt.Sprintf("%d entries with root %s", c.Size, c.Root)
}

// ParseCheckpoint reads a signed note with a c2sp.org/tlog-checkpoint body and
// checks its signature with a verifier key in the form of sumdb/note.
func ParseCheckpoint(signed, key string) (Checkpoint, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read verifier key %q: %w", key, err)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("check the signature of a checkpoint: %w", err)
	}
	c, err := parseBody(opened.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != verifier.Name() {
		return Checkpoint{}, fmt.Errorf("read checkpoint: it is of the journal %q, the key is of %q", c.Origin, verifier.Name())
	}
	c.Key, c.Note = key, signed
	return c, nil
}

// parseBody reads the lines origin, size and root. Lines after them are
// extensions and are skipped, as the format demands.
func parseBody(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" {
		return Checkpoint{}, errors.New("read checkpoint: it has fewer than the three lines origin, size and root")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("read checkpoint: %q is not a size", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read checkpoint: %q is not a hash", lines[2])
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// sign returns the checkpoint of a tree.
func sign(signer note.Signer, key string, t *tree) (Checkpoint, error) {
	c := Checkpoint{Origin: signer.Name(), Size: t.size, Root: t.root(), Key: key}
	signed, err := note.Sign(&note.Note{Text: c.body()}, signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("sign checkpoint: %w", err)
	}
	c.Note = string(signed)
	return c, nil
}

func (c Checkpoint) body() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root)
}
