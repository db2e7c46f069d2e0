package traffic

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/davit-dev/davit/internal/x/quantity"
)

const (
	// subBits makes sixteen buckets of each power of two, so a quantile is read
	// with a relative error below 1/16.
	subBits = 4
	// topBits bounds a value: 2^36 microseconds are nineteen hours.
	topBits = 36
	buckets = (topBits - subBits + 1) << subBits
)

// histogram counts durations in log-linear buckets of microseconds. The zero
// value is empty; it is safe for concurrent use.
type histogram struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Uint64 // of all durations, in microseconds
}

func (h *histogram) add(d time.Duration) {
	v := uint64(max(d, 0) / time.Microsecond)
	h.counts[bucket(v)].Add(1)
	h.sum.Add(v)
}

// bucket returns the index for v microseconds. Below 2^subBits every value has
// its own; above, the leading bit chooses the power and the next ones the part.
func bucket(v uint64) int {
	v = min(v, 1<<topBits-1)
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// upper returns the largest value of bucket i.
func upper(i int) time.Duration {
	shift := max(i>>subBits-1, 0)
	base := uint64(i - shift<<subBits)
	return time.Duration((base+1)<<shift-1) * time.Microsecond
}

// quantiles returns, for each q of qs (rising, in (0, 1]), a duration that a
// share q of what was added does not exceed; zeros when nothing was added.
func (h *histogram) quantiles(qs ...float64) []time.Duration {
	var counts [buckets]uint64
	var total uint64
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
		total += counts[i]
	}
	result := make([]time.Duration, len(qs))
	var seen uint64
	next := 0
	for i, n := range counts {
		seen += n
		for n > 0 && next < len(qs) && float64(seen) >= qs[next]*float64(total) {
			result[next] = upper(i)
			next++
		}
	}
	return result
}

// Bucket is a number of durations that are at most UpTo, and more than the
// bucket before it.
type Bucket struct {
	UpTo  quantity.Duration `json:"up_to"`
	Count uint64            `json:"count"`
}

// filled returns the buckets that are not empty, in rising order.
func (h *histogram) filled() []Bucket {
	all := []Bucket{}
	for i := range h.counts {
		if n := h.counts[i].Load(); n > 0 {
			all = append(all, Bucket{quantity.Duration(upper(i)), n})
		}
	}
	return all
}
