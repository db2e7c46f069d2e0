// Package analysis turns counts into a verdict: is the new version worse than
// the live one, by more than the user cares about? It is arithmetic alone: no
// clock, no randomness, no I/O, so the same cohorts give the same verdict, on one
// processor architecture to the last bit. DESIGN.md derives the test and its bound.
//
// It must not import anything of the project but internal/x.
package analysis

import (
	"errors"
	"fmt"
)

// NotWorseLevel is the level of the proof that a version is not worse.
const NotWorseLevel = 0.05

// priorMost is how many units of the past count at most, so that what happens
// during the release outweighs what happened before it.
const priorMost = 2000

// mostSteps bounds the components.
const mostSteps = 64

// Config says what is tested.
type Config struct {
	Alpha     float64 // bound on the probability of a false rollback, in (0, 1)
	Tolerance float64 // ε: how much higher the error rate may be, as a difference, in [0, 1)
	Steps     int     // of the release, the bake included, from 1
	Prior     Counts  // of the stable version, before the release
}

// Test is the evidence about one release. It is not safe for concurrent use.
type Test struct {
	cfg      Config
	past     past // of the stable version: before the release, and scored in it
	worse    process
	notWorse process
	worst    float64 // highest log E so far: Ville's inequality is about ever reaching the bound
	canary   Counts
	stable   Counts
	weight   float64 // of the last cohort that was compared, for the outlook
	step     int     // likewise
}

// New checks the configuration and returns a test that has seen nothing.
func New(cfg Config) (*Test, error) {
	switch {
	case !(cfg.Alpha > 0 && cfg.Alpha < 1):
		return nil, fmt.Errorf("alpha %v is not between 0 and 1", cfg.Alpha)
	case !(cfg.Tolerance >= 0 && cfg.Tolerance < 1):
		return nil, fmt.Errorf("tolerance %v is not from 0 to below 1", cfg.Tolerance)
	case cfg.Steps < 1 || cfg.Steps > mostSteps:
		return nil, fmt.Errorf("%d steps are not from 1 to %d", cfg.Steps, mostSteps)
	}
	for _, n := range cfg.Prior.Units {
		if n < 0 {
			return nil, errors.New("a prior count is negative")
		}
	}
	return &Test{
		cfg: cfg, past: scaled(cfg.Prior),
		worse:    newProcess(worseAlternatives(), cfg.Steps),
		notWorse: newProcess(notWorseAlternatives(), cfg.Steps),
		canary:   Counts{Units: make([]int64, classes)},
		stable:   Counts{Units: make([]int64, classes)},
	}, nil
}

// classes is the least number of outcome classes: good, and error.
const classes = 2

// past is what is known of the stable version. It holds fractions of units, so
// that scaling keeps even a small rate as it is.
type past struct{ units, errors float64 }

// scaled keeps the rate of a prior and at most priorMost of its units.
func scaled(c Counts) past {
	p := past{units: float64(c.Total()), errors: float64(c.Errors())}
	if p.units > priorMost {
		p.errors, p.units = p.errors*(priorMost/p.units), priorMost
	}
	return p
}

// rate guesses the stable version's error rate from its past alone, never from
// the cohort that is to be scored (Krichevsky and Trofimov's estimator). It lies
// strictly between 0 and 1.
func (p past) rate() float64 { return within((p.errors + 0.5) / (p.units + 1)) }

// Score takes the next cohort in the order of claims. A cohort whose weight does
// not lie strictly between 0 and 1 compares nothing: it only adds to what is
// known of the stable version. A step beyond the last counts as the last, one
// before the first as the first, a negative count as zero.
func (t *Test) Score(c Cohort) {
	c.Canary, c.Stable = c.Canary.counted(), c.Stable.counted()
	c.Step = min(max(c.Step, 0), t.cfg.Steps-1)
	if c.Weight > 0 && c.Weight < 1 {
		rate := t.past.rate()
		t.worse.score(c, rate, t.cfg.Tolerance)
		t.notWorse.score(c, rate, t.cfg.Tolerance)
		t.worst = max(t.worst, t.worse.logE())
		t.weight, t.step = c.Weight, c.Step
	}
	t.past.units += float64(c.Stable.Total())
	t.past.errors += float64(c.Stable.Errors())
	t.canary, t.stable = t.canary.add(c.Canary), t.stable.add(c.Stable)
}
