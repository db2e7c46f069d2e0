package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// A key is what the holder of a token shows: davit_ID_SECRET. The ID is for
// everybody to see.
const (
	prefix     = "davit_"
	idLength   = 8  // of 5 bits each
	bodyLength = 32 // 160 bits
	// alphabet is that of base32 (RFC 4648), as crypto/rand.Text uses it, in small
	// letters.
	alphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// key is a key, taken apart.
type key struct{ id, secret string }

// newKey draws a key.
func newKey() key {
	text := strings.ToLower(rand.Text() + rand.Text())
	return key{id: text[:idLength], secret: text[idLength : idLength+bodyLength]}
}

// String returns what the holder shows.
func (k key) String() string { return prefix + k.id + "_" + k.secret }

// parseKey reads what somebody shows.
func parseKey(text string) (key, bool) {
	id, secret, found := strings.Cut(strings.TrimPrefix(text, prefix), "_")
	k := key{id: id, secret: secret}
	return k, found && text == k.String() && spelled(id, idLength) && spelled(secret, bodyLength)
}

// ValidID reports whether text has the form of a token's ID.
func ValidID(text string) bool { return spelled(text, idLength) }

func spelled(text string, length int) bool {
	return len(text) == length && strings.Trim(text, alphabet) == ""
}

// hash is what is kept of the secret. A plain SHA-256 is enough, since nobody can
// try out 160 bits: the salts and rounds for passwords make up for few bits.
func (k key) hash() string {
	sum := sha256.Sum256([]byte(k.secret))
	return hex.EncodeToString(sum[:])
}

// opens reports whether k is the key of a token, in a time that does not tell how
// much of it is right.
func (k key) opens(t Token) bool {
	return subtle.ConstantTimeCompare([]byte(k.hash()), []byte(t.Hash)) == 1
}
