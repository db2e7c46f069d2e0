package traffic

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// key is the edge's secret: who has it can choose a version. It signs sessions
// and pins, and draws the versions of sessions.
type key [sha256.Size]byte

func newKey() (k key) {
	_, _ = rand.Read(k[:]) // it never fails
	return k
}

// Purposes keep what is signed for one thing from being good for another.
const (
	forSession = "session"
	forDraw    = "draw"
	forBirth   = "birth"
)

// sum returns the HMAC-SHA256 (RFC 2104) of the parts, which cannot be moved into
// each other.
func (k key) sum(purpose string, parts ...string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, k[:])
	for _, part := range append([]string{purpose}, parts...) {
		fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	return [sha256.Size]byte(mac.Sum(nil))
}

// readKey returns the key kept in a file, and makes one when there is none. With
// an error the key is a new one that will be forgotten: sessions are drawn anew.
func readKey(path string) (key, error) {
	data, err := os.ReadFile(path)
	if err == nil && len(data) == len(key{}) {
		return key(data), nil
	}
	k := newKey()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return k, fmt.Errorf("read edge key: %w", err)
	default:
		return k, fmt.Errorf("edge key %s has %d bytes, not %d: remove it to have a new one made", path, len(data), len(key{}))
	}
	if err := atomicfile.Write(path, k[:], 0o600); err != nil {
		return k, fmt.Errorf("keep edge key: %w", err)
	}
	return k, nil
}
