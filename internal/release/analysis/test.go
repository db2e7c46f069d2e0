// Package analysis turns counts into a verdict: is the new version worse than
// the live one, by more than the user cares about? It is arithmetic alone: no
// clock, no randomness, no I/O, so the same cohorts give the same verdict to the
// last bit. DESIGN.md derives the test and its bound.
//
// It must not import anything of the project but internal/x.
package analysis

import (
	"errors"
	"fmt"
	"math"
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
	past     Counts // of the stable version: before the release, and scored in it
	worse    process
	notWorse process
	worst    float64 // highest log E so far: Ville's inequality is about ever reaching the bound
	canary   Counts
	stable   Counts
	weight   float64 // of the last cohort, for the outlook
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
	}, nil
}

// scaled keeps the rate of a past and at most priorMost of its units.
func scaled(c Counts) Counts {
	total := c.Total()
	if total <= priorMost {
		return Counts{Units: []int64{c.good(), c.Errors()}}
	}
	failed := int64(math.Round(float64(c.Errors()) * priorMost / float64(total)))
	return Counts{Units: []int64{priorMost - failed, failed}}
}

// rate guesses the stable version's error rate from its past alone, never from
// the cohort that is to be scored (Krichevsky and Trofimov's estimator). It lies
// strictly between 0 and 1.
func (t *Test) rate() float64 {
	return (float64(t.past.Errors()) + 0.5) / (float64(t.past.Total()) + 1)
}

// Score takes the next cohort in the order of claims. Cohorts of weight 0 or 1
// compare nothing; they only add to what is known of the stable version.
func (t *Test) Score(c Cohort) {
	if c.Weight > 0 && c.Weight < 1 {
		rate := t.rate()
		t.worse.score(c, rate, t.cfg.Tolerance)
		t.notWorse.score(c, rate, t.cfg.Tolerance)
		t.worst = max(t.worst, t.worse.logE())
		t.weight = c.Weight
	}
	t.past = t.past.add(c.Stable)
	t.canary, t.stable = t.canary.add(c.Canary), t.stable.add(c.Stable)
}
