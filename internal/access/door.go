package access

import (
	"errors"
	"fmt"
	"log/slog"
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

	Log      *slog.Logger // that hears of keys that were refused, never the key; nil: nobody does
	attempts Attempts
}

// Admit returns the token of a key that the sender of r shows. Its errors are
// ErrUnknown, *ExpiredError and *HeldError.
//
// A right key is taken from an address that is held, too: many stand behind one
// address, and a job that goes on with a revoked token must not lock out the rest.
// Nobody gains by it, since nobody guesses 160 bits.
func (d *Door) Admit(r *http.Request, shown string) (Token, error) {
	now, from := time.Now(), sender(r)
	t, err := d.Open(shown, now)
	if err == nil {
		return t, nil
	}
	wait := d.attempts.Held(from, now)
	if wait > 0 && errors.Is(err, ErrUnknown) {
		return Token{}, &HeldError{wait}
	}
	if wait == 0 { // or else the log has heard enough of them
		d.attempts.Failed(from, now)
		d.warn(r, err)
	}
	return Token{}, err
}

func (d *Door) warn(r *http.Request, err error) {
	if d.Log != nil {
		d.Log.Warn("token refused", "from", r.RemoteAddr, "path", r.URL.Path, "error", err)
	}
}

func sender(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}
