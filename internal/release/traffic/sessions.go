package traffic

import (
	"encoding/binary"
	"sync"
)

// filterBits is the size of the memory for sessions that were counted: a mebibyte
// for each canary with affinity. Four bits each tell half a million sessions
// apart with 0.2 % taken for known that are not, and two million with 14 %.
const (
	filterBits  = 1 << 23
	filterMarks = 4
)

// Sessions draws the versions of one canary's sessions and knows which of them
// were counted. A session's draw is a secret function of its identity and of the
// canary, so it needs no memory, is the same after a restart of the edge, and is
// another one for the next canary: nobody is the guinea pig of every release. It
// is safe for concurrent use, and knows nothing of HTTP.
type Sessions struct {
	key         key
	app, canary string

	mu   sync.Mutex
	seen []uint64 // Bloom filter, made when the first session comes
	// resumed says that the edge was started while there was a canary already: it
	// is forgotten who was counted.
	resumed bool
}

// NewSessions returns the sessions of a canary, drawn with a key of their own.
func NewSessions(app, canary string) *Sessions { return newSessions(newKey(), app, canary) }

func newSessions(k key, app, canary string) *Sessions {
	return &Sessions{key: k, app: app, canary: canary}
}

// Canary says whether a session is the canary's at a weight. Sessions are drawn
// independently of each other, each with a probability of weight; one that is
// the canary's stays so at every higher weight.
func (s *Sessions) Canary(id string, weight float64) bool {
	sum := s.key.sum(forDraw, s.app, s.canary, id)
	const mantissa = 53
	draw := float64(binary.BigEndian.Uint64(sum[:])>>(64-mantissa)) / (1 << mantissa)
	return draw < weight
}

// First says whether a session is to be counted, because it was not before, and
// remembers it. It never says so twice; of a session that was not counted it is
// silent only by the filter's error, which does not depend on the session's
// version or outcome, and always where nobody remembers who was counted.
func (s *Sessions) First(id string) bool {
	sum := s.key.sum(forDraw, s.app, s.canary, id)
	marks := sum[8:] // the draw has the bytes before
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumed {
		return false
	}
	if s.seen == nil {
		s.seen = make([]uint64, filterBits/64)
	}
	first := false
	for i := range filterMarks {
		bit := binary.BigEndian.Uint32(marks[4*i:]) % filterBits
		first = first || s.seen[bit/64]&(1<<(bit%64)) == 0
		s.seen[bit/64] |= 1 << (bit % 64)
	}
	return first
}

func (s *Sessions) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resumed = true
}
