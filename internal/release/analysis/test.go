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
	// Drawn says that whoever counts the units drew their labels, too, each on its own
	// with the weight. Otherwise the weight is a promise of somebody else.
	Drawn bool
	// Prior is what the stable version did before the release. When it has
	// LatencyClasses, latency is compared as well as errors; otherwise errors alone.
	Prior Counts
}

// Test is the evidence about one release. It is not safe for concurrent use.
type Test struct {
	cfg      Config
	classes  int
	past     past // of the stable version: before the release, and scored in it
	worse    process
	notWorse process
	split    split
	blind    blind   // the evidence that does not know the split
	worst    float64 // highest log E so far: Ville's inequality is about ever reaching the bound
	canary   Counts
	stable   Counts
	weight   float64 // of the last cohort that was compared, for the outlook
	step     int     // likewise
	followed *account
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
	classes := errorClasses
	if len(cfg.Prior.Units) == LatencyClasses {
		classes = LatencyClasses
	}
	return &Test{
		cfg: cfg, classes: classes, past: scaled(cfg.Prior, classes),
		worse:    newProcess(worseAlternatives(classes), cfg.Steps),
		notWorse: newProcess(notWorseAlternatives(), cfg.Steps),
		split:    newSplit(cfg.Steps),
		blind:    newBlind(cfg.Steps),
		canary:   Counts{Units: make([]int64, errorClasses)},
		stable:   Counts{Units: make([]int64, errorClasses)},
	}, nil
}

// Score takes the next cohort in the order of claims. A cohort whose weight does
// not lie strictly between 0 and 1 compares nothing: it only adds to what is
// known of the stable version. A step beyond the last counts as the last, one
// before the first as the first, a negative count as zero.
func (t *Test) Score(c Cohort) {
	c.Canary, c.Stable = c.Canary.counted(), c.Stable.counted()
	c.Step = min(max(c.Step, 0), t.cfg.Steps-1)
	if c.Weight > 0 && c.Weight < 1 {
		t.compare(c)
	}
	t.past.add(c.Stable)
	t.canary.add(c.Canary)
	t.stable.add(c.Stable)
}

func (t *Test) compare(c Cohort) {
	c.Canary, c.Stable = c.Canary.fitted(t.classes), c.Stable.fitted(t.classes)
	if c.ErrorsOnly || len(c.Canary.Units) != len(c.Stable.Units) {
		c.Canary, c.Stable = c.Canary.collapsed(), c.Stable.collapsed()
	}
	g := guessing(t.past.shares(), t.cfg.Tolerance)
	t.worse.score(c, g)
	if t.followed != nil {
		t.followed.add(&t.worse, c, g)
	}
	c.Canary, c.Stable = c.Canary.collapsed(), c.Stable.collapsed()
	t.notWorse.score(c, g)
	t.split.add(c)
	t.blind.add(c, t.cfg.Tolerance)
	t.weight, t.step = c.Weight, c.Step
	t.worst = max(t.worst, t.blindLogE())
	if !t.split.noticed && t.worse.highest(t.owed()) > t.worst { // else the mixture is not, either
		t.worst = max(t.worst, t.logE())
	}
}

// logE is the present evidence that the canary is worse. What was earned under a
// split that is found to be another one is gone.
func (t *Test) logE() float64 {
	if t.split.noticed {
		return t.blindLogE()
	}
	return t.worse.logE(t.owed())
}

// mirrorLogE is likewise the evidence that it is not.
func (t *Test) mirrorLogE() float64 {
	if t.split.noticed {
		return t.blind.notWorse.logE()
	}
	return t.notWorse.logE(t.owed())
}

// owed is what another split would explain as well: nothing where the labels were
// drawn here.
func (t *Test) owed() debts {
	if t.cfg.Drawn {
		return nil
	}
	return t.split.owed()
}

// blindShare is the part of α that belongs to the form that does not know the split:
// the less, the less likely it is to be needed.
func (c Config) blindShare() float64 {
	if c.Drawn {
		return 0.1
	}
	return 0.5
}

// level is what the form has of α that trusts the split.
func (t *Test) level() float64 { return (1 - t.cfg.blindShare()) * t.cfg.Alpha }

// blindLogE is the evidence of the other form, as much smaller as its level is, so
// that one bound serves both.
func (t *Test) blindLogE() float64 {
	share := t.cfg.blindShare()
	return t.blind.worse.logE() + math.Log(share/(1-share))
}
