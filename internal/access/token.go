package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Token is what is known of a token. All of it may be shown.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // for people
	Role    Role      `json:"role"`
	Apps    []string  `json:"apps,omitempty"` // that it is for; empty: all
	Created time.Time `json:"created"`
	By      string    `json:"by"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Hash    string    `json:"hash,omitempty"`   // of the secret, SHA-256 in hexadecimal
}

// maxName bounds the name of a token, in bytes; maxApps how many apps it names.
const (
	maxName = 64
	maxApps = 100
)

// Validate says why a token cannot be made.
func (t Token) Validate(now time.Time) error {
	if t.Name == "" || len(t.Name) > maxName || strings.ContainsFunc(t.Name, unprintable) {
		return fmt.Errorf("the name %q is not one line of 1 to %d bytes", t.Name, maxName)
	}
	if _, err := ParseRole(string(t.Role)); err != nil {
		return err
	}
	if len(t.Apps) > maxApps {
		return fmt.Errorf("a token is for at most %d apps, or for all", maxApps)
	}
	if slices.Contains(t.Apps, "") {
		return errors.New("an app has no name")
	}
	if !t.Expires.IsZero() && !t.Expires.After(now) {
		return fmt.Errorf("it would have expired at %s", t.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// Covers reports whether the token is for an app.
func (t Token) Covers(app string) bool { return len(t.Apps) == 0 || slices.Contains(t.Apps, app) }

// Expired reports whether the token's time is over.
func (t Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// Actor is how the journal names the token's holder.
func (t Token) Actor() string { return fmt.Sprintf("token %s (%s)", t.Name, t.ID) }
