package sink

import "time"

// Hurried is p with short pauses between tries.
func (p Pusher) Hurried() Pusher {
	p.firstPause = time.Millisecond
	return p
}
