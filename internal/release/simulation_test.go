package release_test

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/release/traffic"
)

// request is one that is under way through the edge's counters.
type request struct {
	done    time.Duration
	unit    traffic.Unit
	outcome traffic.Outcome
}

// byDone orders requests by their end.
type byDone []request

func (q byDone) Len() int           { return len(q) }
func (q byDone) Less(i, j int) bool { return q[i].done < q[j].done }
func (q byDone) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *byDone) Push(x any)        { *q = append(*q, x.(request)) }
func (q *byDone) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// version is how a version answers: how often it fails, and how long that takes.
type version struct {
	fails      float64
	good, fail time.Duration
}

// throughEdge runs a release of the canary against the stable version for a
// while of virtual time through the edge's own counters, and says whether it was
// ever found worse.
func throughEdge(t *testing.T, rng *rand.Rand, canary, stable version) bool {
	t.Helper()
	const w, length = 0.5, 60 * time.Second
	now := time.Duration(0)
	recorder := traffic.NewRecorder(func() time.Duration { return now })
	test, err := analysis.New(analysis.Config{
		Alpha: 0.01, Tolerance: 0.01, Steps: 1, Prior: analysis.Counts{Units: []int64{180, 20}},
	})
	if err != nil {
		t.Fatal(err)
	}
	flying := &byDone{}
	after, epoch := uint64(0), ""
	for now < length {
		now += 25 * time.Millisecond
		for flying.Len() > 0 && (*flying)[0].done <= now {
			r, ok := heap.Pop(flying).(request)
			if ok {
				r.unit.Score(r.outcome)
			}
		}
		toCanary := rng.Float64() < w
		v := stable
		if toCanary {
			v = canary
		}
		r := request{unit: recorder.Claim(traffic.Key{App: "orders", Route: 1, Weight: w}, toCanary), done: now + v.good}
		if rng.Float64() < v.fails {
			r.outcome, r.done = traffic.Failed, now+v.fail
		}
		heap.Push(flying, r)
		recorder.Sweep()
		batch := recorder.Read(epoch, after)
		epoch, after = batch.Epoch, batch.Next
		for _, c := range batch.Cohorts {
			test.Score(analysis.Cohort{Weight: c.Weight, Canary: units(c.Canary), Stable: units(c.Stable)})
		}
		if test.Verdict().Kind == analysis.Worse {
			return true
		}
	}
	return false
}

func units(c traffic.Counts) analysis.Counts {
	var out analysis.Counts
	for _, n := range c.Units {
		out.Units = append(out.Units, int64(n))
	}
	return out
}

// TestSimulationThroughTheEdge releases the same version again and again. The
// second pair is the trap of slow failures: equal rates, one fails at once, the
// other after longer than the edge waits.
func TestSimulationThroughTheEdge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	steady := version{fails: 0.1, good: 30 * time.Millisecond, fail: 30 * time.Millisecond}
	slow := version{fails: 0.1, good: 30 * time.Millisecond, fail: 30 * time.Second}
	const runs = 60
	for name, stable := range map[string]version{"the same": steady, "slow failures": slow} {
		worse := 0
		for range runs {
			if throughEdge(t, rng, steady, stable) {
				worse++
			}
		}
		t.Logf("%s: %d of %d were found worse", name, worse, runs)
		// At a true rate of 1 %, six or more of sixty happen once in 40 000 times.
		if worse >= 6 {
			t.Errorf("%s: %d of %d were found worse", name, worse, runs)
		}
	}
	bad := version{fails: 0.5, good: 30 * time.Millisecond, fail: 30 * time.Millisecond}
	for range 5 {
		if !throughEdge(t, rng, bad, steady) {
			t.Error("a version that fails five times as often was not found")
		}
	}
}
