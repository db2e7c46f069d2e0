package blob

import "sync"

// leases keep what comes in from being collected between the moment in which
// its file has a name and that in which something needs it.
type leases struct {
	mu   sync.Mutex
	held map[Digest]int
}

// hold takes a lease and returns what gives it back.
func (l *leases) hold(d Digest) (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[d]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.held[d]--; l.held[d] == 0 {
			delete(l.held, d)
		}
	}
}

// unlessHeld calls fn while nobody can take a lease, if there is none.
func (l *leases) unlessHeld(d Digest, fn func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[d] > 0 {
		return nil
	}
	return fn()
}
