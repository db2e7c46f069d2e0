package analysis

import (
	"math"
	"time"
)

// errorClasses and LatencyClasses are how many outcome classes there are: good
// and error; or seven of latency, cut at quantiles of the stable version, and
// the error.
const (
	errorClasses   = 2
	LatencyClasses = 8
)

// quantiles are where the latencies of the stable version are cut.
func quantiles() []float64 { return []float64{0.50, 0.75, 0.90, 0.95, 0.99, 0.998} }

// leastPast is how many units make a past whose quantiles mean something.
const leastPast = 200

// Bucket is a number of units that took at most UpTo, and longer than those of
// the bucket before it.
type Bucket struct {
	UpTo  time.Duration
	Count int64
}

// Cut says where the latencies of a stable version are cut, given those of its
// units that did not fail, in rising buckets: at its quantiles. A unit is in
// class n when it took longer than n of the cuts. It also returns the past in
// those classes. With too few units there are no cuts, and two classes.
func Cut(latencies []Bucket, failed int64) ([]time.Duration, Counts) {
	total := int64(0)
	for _, b := range latencies {
		total = plus(total, max(b.Count, 0))
	}
	if total < leastPast {
		return nil, Counts{Units: []int64{total, max(failed, 0)}}
	}
	cuts := make([]time.Duration, 0, len(quantiles()))
	seen := int64(0)
	for _, b := range latencies {
		seen = plus(seen, max(b.Count, 0))
		for len(cuts) < len(quantiles()) && float64(seen) >= quantiles()[len(cuts)]*float64(total) {
			cuts = append(cuts, b.UpTo)
		}
	}
	past := Counts{Units: make([]int64, LatencyClasses)}
	past.Units[LatencyClasses-1] = max(failed, 0)
	for _, b := range latencies {
		class := 0
		for class < len(cuts) && b.UpTo > cuts[class] {
			class++
		}
		past.Units[class] = plus(past.Units[class], max(b.Count, 0))
	}
	return cuts, past
}

// LatencyTolerance is how much slower a canary may be without being worse.
type LatencyTolerance struct {
	Share float64       // of the stable version's latency
	Least time.Duration // what is never worth a rollback, however short the latency is
}

// Tolerated returns where the latencies of a canary are cut so that it is in the
// classes of the stable version when it is slower by just what is tolerated.
func (l LatencyTolerance) Tolerated(cuts []time.Duration) []time.Duration {
	out := make([]time.Duration, len(cuts))
	for i, c := range cuts {
		more := max(l.Share*float64(c), float64(l.Least))
		out[i] = time.Duration(min(float64(c)+more, math.MaxInt64/2))
	}
	return out
}
