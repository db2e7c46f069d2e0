package release

import "time"

// How long is waited after something failed.
const (
	firstPause  = 200 * time.Millisecond
	longestWait = 30 * time.Second
)

// backoff makes room between attempts at what fails, more each time.
type backoff struct {
	pause time.Duration
	until time.Time
}

func (b *backoff) failed() {
	b.pause = min(max(2*b.pause, firstPause), longestWait)
	b.until = time.Now().Add(b.pause)
}

func (b *backoff) succeeded() { b.pause = 0 }

func (b *backoff) over() bool { return !time.Now().Before(b.until) }
