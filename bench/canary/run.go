package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/release/others"
)

// duration of a release in seconds, the bound, and the steps, which are alike long.
const (
	duration = 1200
	alpha    = 0.01
)

var steps = [...]float64{0.05, 0.10, 0.25, 0.50}

func step(at float64) int       { return min(int(at*float64(len(steps))/duration), len(steps)-1) }
func weight(at float64) float64 { return steps[step(at)] }

// run is one release.
type run struct {
	world  *world
	rng    *rand.Rand
	rate   float64 // requests a second
	base   float64 // error rate of the stable version
	course course
	onset  float64 // when the canary turns bad; cohorts are short from then on
	short  bool
	slower bool // it harms by being slow
	others bool // traffic is split or counted by somebody else
}

// pace is how long the next cohort is. Counts are drawn for whole cohorts, which a
// factor does not mind: it depends on the counts alone. A release of the same
// version is looked at every ten seconds; looks in between can only find more, and
// Ville's inequality is about all of them. Where it matters when the canary is
// found, cohorts are as short as davit's own at first.
func (r *run) pace(at float64) float64 {
	const tick, long = 0.25, 10.0
	if !r.short || at < r.onset {
		return long
	}
	return math.Max(tick, math.Min(long, math.Floor((at-r.onset)/30/tick)*tick))
}

// drawn is a cohort with what the others look at beside it.
type drawn struct {
	analysis.Cohort
	at, until      float64
	gap            bool
	canary, stable tally
}

// tally is what a version did.
type tally struct {
	units, failed, slow, beyond int64
	latency                     float64 // sum
}

// draw makes the next cohort.
func (r *run) draw(at float64) drawn {
	until := at + r.pace(at)
	for _, edge := range []float64{60 * math.Floor(at/60+1), r.onset} { // no cohort goes across a minute
		if at < edge && until > edge {
			until = edge
		}
	}
	m := r.course(at)
	w := weight(at)
	n := poisson(r.rng, r.rate*m.load*(until-at))
	toCanary := binomial(r.rng, n, min(w*m.split, 0.98))
	canary, stable := r.world.seen(m)
	d := drawn{at: at, until: until, gap: m.gap}
	d.Step, d.Weight, d.ErrorsOnly = step(at), w, at < warmup
	d.Canary, d.canary = r.version(toCanary, m.canary, m.lost, canary)
	d.Stable, d.stable = r.version(n-toCanary, m.stable, 0, stable)
	return d
}

// version draws the outcomes of so many units of a version. What a restart takes
// along is missing in the counts, not in what happened.
func (r *run) version(n int64, fails, lost float64, c *classes) (analysis.Counts, tally) {
	counts := analysis.Counts{Units: make([]int64, analysis.LatencyClasses)}
	t := tally{units: n, failed: binomial(r.rng, n, fails)}
	last := analysis.LatencyClasses - 1
	multinomial(r.rng, n-t.failed, c.shares, counts.Units[:last])
	t.slow = binomial(r.rng, counts.Units[last-1], c.slow)
	t.beyond = counts.Units[last-1] + counts.Units[last-2]
	for i, k := range counts.Units[:last] {
		t.latency += float64(k) * c.means[i]
	}
	counts.Units[last] = t.failed
	if lost > 0 {
		for i, k := range counts.Units {
			counts.Units[i] = binomial(r.rng, k, 1-lost)
		}
	}
	return counts, t
}

// minute is one for the other rules: with the slow units by the examples of their
// documentation, and by the stable version's own 99th percentile and a tenth.
type minute struct {
	usual, tight others.Minute
	harmed       int64 // units since the beginning
}

// cohorts draws a release and calls each with every cohort, and fn with every minute.
func (r *run) cohorts(each func(d drawn), fn func(m minute)) {
	var canary, stable tally
	harmed, missing := int64(0), false
	for at := 0.0; at < duration; {
		d := r.draw(at)
		each(d)
		canary.add(d.canary)
		stable.add(d.stable)
		harmed += r.harm(d)
		missing = missing || d.gap
		at = d.until
		if math.Mod(at, 60) != 0 {
			continue
		}
		m := minute{harmed: harmed}
		m.usual = others.Minute{Canary: canary.seen(canary.slow), Stable: stable.seen(stable.slow), Missing: missing}
		m.tight = others.Minute{Canary: canary.seen(canary.beyond), Stable: stable.seen(stable.beyond), Missing: missing}
		fn(m)
		canary, stable, missing = tally{}, tally{}, false
	}
}

func (t *tally) add(u tally) {
	t.units += u.units
	t.failed += u.failed
	t.slow += u.slow
	t.beyond += u.beyond
	t.latency += u.latency
}

func (t *tally) seen(slow int64) others.Seen {
	s := others.Seen{Units: t.units, Failed: t.failed, Slow: slow}
	if good := t.units - t.failed; good > 0 {
		s.Latency = t.latency / float64(good)
	}
	return s
}

// outcome is what a rule did with a release.
type outcome struct {
	action others.Action
	at     float64 // seconds since the onset
	harmed int64   // units since the beginning
}

// notWorse is davit's other proof.
const notWorse others.Action = "not_worse"

// judge draws a release and returns what davit, davit at another level, and the other
// rules did with it, and whether davit noticed another split.
func (r *run) judge(t tuning) (outcomes []outcome, noticed bool, err error) {
	test, err := r.test()
	if err != nil {
		return nil, false, err
	}
	rules := rulesOf(t.settings)
	outcomes = make([]outcome, own+len(rules))
	harmed, minutes := int64(0), 0
	rolledBack := func(o *outcome, at float64, harmed int64) {
		if o.action == others.Go {
			*o = outcome{others.RollBack, at - r.onset, harmed}
		}
	}
	each := func(d drawn) {
		harmed += r.harm(d)
		if outcomes[0].action != others.Go {
			return
		}
		r.score(test, d)
		if test.Highest() > t.davit {
			rolledBack(&outcomes[1], d.until, harmed)
		}
		if test.Kind() == analysis.Worse {
			rolledBack(&outcomes[0], d.until, harmed)
			r.short = false
		}
	}
	r.cohorts(each, func(m minute) {
		minutes++
		for i, rule := range rules {
			if o := &outcomes[own+i]; o.action == others.Go && rule.Look(m.of(t.settings[i])) != others.Go {
				rolledBack(o, float64(60*minutes), m.harmed)
			}
		}
	})
	v := test.Verdict()
	if outcomes[0].action == others.Go && v.Kind == analysis.NotWorse {
		outcomes[0].action = notWorse
	}
	return outcomes, v.Split >= v.SplitBound, nil
}

// own is how many of the outcomes are davit's.
const own = 2

// score tells davit's test of a cohort, unless it gets lost.
func (r *run) score(test *analysis.Test, d drawn) {
	if !d.gap {
		test.Score(d.Cohort)
	}
}

// harm is how many requests of a cohort are counted as harmed: the canary's that
// failed, or all of them where it is slower.
func (r *run) harm(d drawn) int64 {
	if r.slower {
		return d.canary.units
	}
	return d.canary.failed
}

// test is davit's, with a past of ten thousand units.
func (r *run) test() (*analysis.Test, error) {
	const past = 10_000
	prior := analysis.Counts{}
	failed := binomial(r.rng, past, r.base)
	for _, share := range r.world.past {
		prior.Units = append(prior.Units, int64(share*float64(past-failed)))
	}
	prior.Units = append(prior.Units, failed)
	test, err := analysis.New(analysis.Config{
		Alpha: alpha, Tolerance: tolerance, Steps: len(steps) + 1, Drawn: !r.others, Prior: prior,
	})
	if err != nil {
		return nil, fmt.Errorf("begin a release: %w", err)
	}
	return test, nil
}
