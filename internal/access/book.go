package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// The kinds of entries that the tokens are a fold of. The data of the first is a
// Token, that of the second a Revocation.
const (
	KindCreated = "token created"
	KindRevoked = "token revoked"
)

// Revocation ends a token.
type Revocation struct {
	ID   string `json:"id"`
	Name string `json:"name"` // for people
}

// ErrUnknown says that a key is none, or belongs to no token.
var ErrUnknown = errors.New("this token is unknown or was revoked")

// ExpiredError tells the holder of a token that its time is over.
type ExpiredError struct{ At time.Time }

// Error implements error.
func (e *ExpiredError) Error() string {
	return "this token expired at " + e.At.UTC().Format(time.RFC3339)
}

// Book holds the tokens that were not revoked. The zero value has none; it may be
// used by several goroutines.
type Book struct {
	mu     sync.RWMutex
	tokens map[string]Token          // by ID
	holds  map[string]map[*hold]bool // by ID: what goes on under it
}

// Draw returns a token made of t, and its key. Nobody can use it before the entry
// about it is applied.
func Draw(t Token) (Token, string) {
	k := newKey()
	t.ID, t.Hash = k.id, k.hash()
	return t, k.String()
}

// Apply brings the book up to an entry of the journal. Entries of other kinds
// change nothing.
func (b *Book) Apply(kind string, data json.RawMessage) error {
	switch kind {
	case KindCreated:
		var t Token
		if err := json.Unmarshal(data, &t); err != nil {
			return fmt.Errorf("read %s: %w", kind, err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.tokens == nil {
			b.tokens = map[string]Token{}
		}
		b.tokens[t.ID] = t
	case KindRevoked:
		var r Revocation
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("read %s: %w", kind, err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.tokens, r.ID)
		for h := range b.holds[r.ID] {
			h.cancel(ErrUnknown)
		}
	}
	return nil
}

// Open returns the token that a key belongs to. Its errors are ErrUnknown and
// *ExpiredError.
func (b *Book) Open(text string, now time.Time) (Token, error) {
	k, ok := parseKey(text)
	if !ok {
		return Token{}, ErrUnknown
	}
	t, ok := b.Find(k.id)
	switch {
	case !ok || !k.opens(t):
		return Token{}, ErrUnknown
	case t.Expired(now):
		return Token{}, &ExpiredError{t.Expires}
	}
	return t, nil
}

// Find returns the token of an ID.
func (b *Book) Find(id string) (Token, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	t, ok := b.tokens[id]
	return t, ok
}

// List returns all tokens, the oldest first.
func (b *Book) List() []Token {
	b.mu.RLock()
	defer b.mu.RUnlock()
	list := make([]Token, 0, len(b.tokens))
	for _, t := range b.tokens {
		list = append(list, t)
	}
	slices.SortFunc(list, func(x, y Token) int {
		if order := x.Created.Compare(y.Created); order != 0 {
			return order
		}
		return strings.Compare(x.ID, y.ID)
	})
	return list
}
