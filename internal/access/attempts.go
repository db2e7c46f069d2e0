package access

import (
	"net/netip"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/x/admission"
)

const (
	// maxFailures is how many wrong keys an address may show in a window.
	maxFailures = 20
	window      = time.Minute
	// maxAddresses bounds how many addresses are remembered. When more of them fail
	// within one window, none is held back: keys cannot be guessed either way, and
	// nobody is to be locked out by a crowd.
	maxAddresses = 10_000
)

// Attempts counts wrong keys by address, so that whoever tries them out is slowed
// down and seen. The zero value has seen none.
type Attempts struct {
	mu     sync.Mutex
	began  time.Time
	failed map[netip.Prefix]int
}

// Held returns for how long an address has to wait before another wrong key of its
// is looked at, 0 if it has not to.
func (a *Attempts) Held(from netip.Addr, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if left := a.began.Add(window).Sub(now); left > 0 && a.failed[admission.Client(from)] >= maxFailures {
		return left
	}
	return 0
}

// Failed notes a wrong key.
func (a *Attempts) Failed(from netip.Addr, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil || now.Sub(a.began) >= window {
		a.began, a.failed = now, map[netip.Prefix]int{}
	}
	if at := admission.Client(from); a.failed[at] > 0 || len(a.failed) < maxAddresses {
		a.failed[at]++
	}
}
