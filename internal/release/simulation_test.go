package release_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/release/traffic"
)

// version is how a version answers: how often it fails, and how long an answer
// and a failure take in the mean.
type version struct {
	fails      float64
	good, fail time.Duration
}

// passage is a simulated release through the counters of the edge, in virtual
// time.
type passage struct {
	canary, stable version
	base           float64 // error rate of the past
	// late claims a unit when its request is done. No edge may do so: it shows
	// what the order of claims is good for.
	late bool
}

// passageSteps are the weights of a passage, each for passageDwell.
func passageSteps() []float64 { return []float64{0.25, 0.5, 0.95} }

const (
	passageDwell   = 15 * time.Second
	passageArrival = 25 * time.Millisecond // mean time between requests
	passageAlpha   = 0.01
)

// moment is the beginning or the end of a request.
type moment struct {
	at      time.Duration
	request int
	end     bool
}

// foundWorse runs a release and says whether its canary was ever found worse.
// Cohorts are read every tick, and the verdict is looked at as often.
func (p passage) foundWorse(t *testing.T, rng *rand.Rand) bool {
	t.Helper()
	steps := passageSteps()
	test, err := analysis.New(analysis.Config{
		Alpha: passageAlpha, Tolerance: 0.01, Steps: len(steps), Drawn: true,
		Prior: analysis.Counts{Units: []int64{int64(1000 * (1 - p.base)), int64(1000 * p.base)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Duration(0)
	recorder := traffic.NewRecorder(func() time.Duration { return now })
	read := reader(recorder, test)
	requests, moments := p.requests(rng)
	next := traffic.TickLength
	all := passageDwell*time.Duration(len(steps)) + traffic.TickLength + traffic.Horizon
	for _, m := range moments {
		if m.at > all { // every cohort has closed
			break
		}
		for ; next <= m.at; next += traffic.TickLength {
			now = next
			if read() {
				return true
			}
		}
		now = m.at
		requests[m.request].pass(recorder, m.end, p.late)
	}
	now = all
	return read()
}

// reader returns a function that scores what the recorder has closed since the
// last call, and says whether the canary is worse.
func reader(recorder *traffic.Recorder, test *analysis.Test) func() bool {
	epoch, after := "", uint64(0)
	return func() bool {
		recorder.Sweep()
		batch := recorder.Read(epoch, after)
		epoch, after = batch.Epoch, batch.Next
		for _, c := range batch.Cohorts {
			test.Score(analysis.Cohort{
				Step: int(c.Route) - 1, Weight: c.Weight, Canary: classes(c.Canary), Stable: classes(c.Stable),
			})
		}
		return test.Verdict().Kind == analysis.Worse
	}
}

// simulated is one request.
type simulated struct {
	key     traffic.Key
	canary  bool
	outcome traffic.Outcome
	unit    traffic.Unit
}

func (s *simulated) pass(recorder *traffic.Recorder, end, late bool) {
	if end == late {
		s.unit = recorder.Claim(s.key, s.canary)
	}
	if end {
		s.unit.Score(s.outcome, 0)
	}
}

// requests draws a passage: arrivals at random, labels by the weight of the
// moment, outcomes and durations by version.
func (p passage) requests(rng *rand.Rand) ([]simulated, []moment) {
	steps := passageSteps()
	var requests []simulated
	var moments []moment
	spread := func(mean time.Duration) time.Duration {
		return time.Duration(float64(mean) * -math.Log(1-rng.Float64()))
	}
	for at := spread(passageArrival); at < passageDwell*time.Duration(len(steps)); at += spread(passageArrival) {
		step := int(at / passageDwell)
		s := simulated{key: traffic.Key{App: "orders", Route: uint64(step) + 1, Weight: steps[step]}}
		s.canary = rng.Float64() < steps[step]
		v := p.stable
		if s.canary {
			v = p.canary
		}
		lasts := v.good
		if rng.Float64() < v.fails {
			s.outcome, lasts = traffic.Failed, v.fail
		}
		moments = append(moments,
			moment{at, len(requests), false}, moment{at + spread(lasts), len(requests), true})
		requests = append(requests, s)
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return int(a.at - b.at) })
	return requests, moments
}

func classes(c traffic.Counts) analysis.Counts {
	var out analysis.Counts
	for _, n := range c.Units {
		out.Units = append(out.Units, int64(n))
	}
	return out
}

// tooMany says whether at least k events of n have a probability below 1e-6, if
// each has at most the probability passageAlpha: the exact binomial tail.
func tooMany(k, n int) bool {
	tail := 0.0
	all, _ := math.Lgamma(float64(n + 1))
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		tail += math.Exp(all - a - b + float64(i)*math.Log(passageAlpha) + float64(n-i)*math.Log1p(-passageAlpha))
	}
	return tail < 1e-6
}

// TestSimulationThroughTheEdge releases the same version 540 times through the
// counters that the edge uses, and a worse one that has to be found. Among the
// same versions are the traps of slow failures: at equal rates one version fails
// at once and the other within the horizon, or long after it.
func TestSimulationThroughTheEdge(t *testing.T) {
	const ms = time.Millisecond
	quick := func(fails float64) version { return version{fails, 30 * ms, 5 * ms} }
	slow := func(fails float64, fail time.Duration) version { return version{fails, 30 * ms, fail} }
	for name, c := range map[string]struct {
		passage
		runs  int
		worse bool // it has to be found, nearly always
	}{
		"same, 0.5 %":              {passage{quick(0.005), quick(0.005), 0.005, false}, 110, false},
		"same, 20 %":               {passage{quick(0.2), quick(0.2), 0.2, false}, 110, false},
		"same, slow answers":       {passage{version{0.02, 800 * ms, 800 * ms}, version{0.02, 20 * ms, 20 * ms}, 0.02, false}, 110, false},
		"trap within the horizon":  {passage{quick(0.1), slow(0.1, 600*ms), 0.1, false}, 100, false},
		"trap beyond the horizon":  {passage{quick(0.1), slow(0.1, 300*time.Second), 0.1, false}, 110, false},
		"trap, counted at the end": {passage{quick(0.1), slow(0.1, 300*time.Second), 0.1, true}, 20, true},
		"worse":                    {passage{quick(0.3), quick(0.005), 0.005, false}, 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(11, uint64(len(name))))
			found := 0
			for range c.runs {
				if c.foundWorse(t, rng) {
					found++
				}
			}
			t.Logf("%d of %d were found worse", found, c.runs)
			if !c.worse && tooMany(found, c.runs) {
				t.Errorf("%d of %d same versions were found worse", found, c.runs)
			}
			if c.worse && found < c.runs*9/10 {
				t.Errorf("only %d of %d were found worse", found, c.runs)
			}
		})
	}
}
