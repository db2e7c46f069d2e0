package process

import "time"

// How a program that ends is started again.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
	steady     = 10 * time.Second // running for so long makes it a new beginning
	loopWindow = time.Minute
	loopEnds   = 5 // ends within loopWindow that are a crash loop
	firstTries = 3 // ends of a program that was never ready that are one
)

// patience decides what follows the end of a program. It knows no clock.
type patience struct {
	ends  []time.Time
	pause time.Duration // before the last restart
}

// ended takes note of an end at now, after the program ran for a time. It
// returns how long to wait before it is started again, or that there is no sense
// in it. everReady says whether any of its runs was.
func (p *patience) ended(now time.Time, ran time.Duration, everReady bool) (pause time.Duration, again bool) {
	for len(p.ends) > 0 && now.Sub(p.ends[0]) >= loopWindow {
		p.ends = p.ends[1:]
	}
	p.ends = append(p.ends, now)
	most := loopEnds
	if !everReady {
		most = firstTries
	}
	if len(p.ends) >= most {
		return 0, false
	}
	if p.pause == 0 || ran >= steady {
		p.pause = firstPause
	} else {
		p.pause = min(2*p.pause, lastPause)
	}
	return p.pause, true
}
