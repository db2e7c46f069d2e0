package main

import (
	"math"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// Latencies are lognormal: half of them are below the median, and the spread makes
// the 99th percentile 3.2 times that.
const (
	median = 0.1 // seconds
	spread = 0.5
)

// slowLimit is what the fixed rules allow the 99th percentile by their examples.
const slowLimit = 0.5

// world is what does not change between the releases of a benchmark: where the
// stable version's latencies are cut, and its past.
type world struct {
	cuts, tolerated []float64
	past            []float64 // shares of the classes among what did not fail
	canary, stable  map[profile]*classes
}

// These are davit's defaults: how much worse errors, as a difference, and latencies,
// as a share, may be.
const (
	tolerance        = 0.01
	latencyTolerance = 0.1
)

func newWorld() *world {
	var buckets []analysis.Bucket
	before := 0.0
	for ms := 5.0; ms < 5000; ms *= 1.02 {
		share := below(ms/1000, profile{})
		buckets = append(buckets, analysis.Bucket{
			UpTo: time.Duration(ms * float64(time.Millisecond)), Count: int64(math.Round(1e7 * (share - before))),
		})
		before = share
	}
	cuts, past := analysis.Cut(buckets, 0)
	w := &world{cuts: seconds(cuts)}
	w.tolerated = seconds(analysis.LatencyTolerance{Share: latencyTolerance, Least: 5 * time.Millisecond}.Tolerated(cuts))
	for _, n := range past.Units[:analysis.LatencyClasses-1] {
		w.past = append(w.past, float64(n)/float64(past.Total()))
	}
	w.canary, w.stable = map[profile]*classes{}, map[profile]*classes{}
	return w
}

// seen are the classes of both versions at a moment.
func (w *world) seen(m moment) (canary, stable *classes) {
	if w.canary[m.slow] == nil {
		w.canary[m.slow] = newClasses(w.tolerated, m.slow)
	}
	if w.stable[m.slowLive] == nil {
		w.stable[m.slowLive] = newClasses(w.cuts, m.slowLive)
	}
	return w.canary[m.slow], w.stable[m.slowLive]
}

func seconds(all []time.Duration) []float64 {
	out := make([]float64, len(all))
	for i, d := range all {
		out[i] = d.Seconds()
	}
	return out
}

// profile is how latencies differ from the usual: all of them by a factor, and a
// share of them by ten. The zero value is the usual.
type profile struct {
	more float64 // factor − 1
	tail float64 // share
}

// below is the share of the units that are faster than so many seconds.
func below(limit float64, p profile) float64 {
	at := func(factor float64) float64 {
		return math.Erfc(-math.Log(limit/(median*factor))/spread/math.Sqrt2) / 2
	}
	return (1-p.tail)*at(1+p.more) + p.tail*at(10*(1+p.more))
}

// partial is the mean of the units that are faster than so many seconds, times
// their share.
func (p profile) partial(limit float64) float64 {
	at := func(factor float64) float64 {
		x := math.Log(limit/(median*factor)) / spread
		return median * factor * math.Exp(spread*spread/2) * math.Erfc(-(x-spread)/math.Sqrt2) / 2
	}
	return (1-p.tail)*at(1+p.more) + p.tail*at(10*(1+p.more))
}

// classes are the classes of one version under one profile.
type classes struct {
	shares []float64
	means  []float64 // of the latency in each
	slow   float64   // share of the last class that is beyond slowLimit
}

func newClasses(cuts []float64, p profile) *classes {
	c := &classes{}
	for i := range len(cuts) + 1 {
		from, to := 0.0, 1e6
		if i > 0 {
			from = cuts[i-1]
		}
		if i < len(cuts) {
			to = cuts[i]
		}
		low, part := 0.0, p.partial(to)
		if from > 0 {
			low, part = below(from, p), part-p.partial(from)
		}
		share := below(to, p) - low
		c.shares = append(c.shares, share)
		c.means = append(c.means, part/max(share, 1e-12))
	}
	c.slow = (1 - below(slowLimit, p)) / c.shares[len(cuts)]
	return c
}
