package release

import "time"

// stopwatch measures the running time of a release by the monotonic clock.
type stopwatch struct {
	base  time.Duration
	since time.Time
}

func (s *stopwatch) start(fromMillis int64) {
	s.base, s.since = time.Duration(fromMillis)*time.Millisecond, time.Now()
}

func (s *stopwatch) elapsed() time.Duration {
	if s.since.IsZero() {
		return 0
	}
	return s.base + time.Since(s.since)
}
