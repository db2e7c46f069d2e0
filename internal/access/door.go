package access

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// HeldError says that an address has shown too many wrong keys.
type HeldError struct{ For time.Duration }

// Error implements error.
func (e *HeldError) Error() string {
	return fmt.Sprintf("too many wrong tokens from this address; try again in %s", e.For.Round(time.Second))
}

// Door is where keys are shown, in whatever protocol. It holds those back who show
// wrong ones. The zero value knows no token.
type Door struct {
	Book
	attempts Attempts
}

// Admit returns the token of a key that the sender of r shows. Its errors are
// ErrUnknown, *ExpiredError and *HeldError.
func (d *Door) Admit(r *http.Request, shown string) (Token, error) {
	now, from := time.Now(), sender(r)
	if wait := d.attempts.Held(from, now); wait > 0 {
		return Token{}, &HeldError{wait}
	}
	t, err := d.Open(shown, now)
	if err != nil {
		d.attempts.Failed(from, now)
	}
	return t, err
}

func sender(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}
