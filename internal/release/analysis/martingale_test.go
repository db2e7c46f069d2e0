package analysis_test

import (
	"math"
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// adversary chooses the next cohort from all that was seen: its weight, its step,
// and the rates at which the versions fail.
type adversary func(seen []analysis.Cohort) (from analysis.Cohort, pb, pc float64)

// enumeration is a release of so many cohorts of two units each, with the
// probability that a unit really goes to the canary when w is promised.
type enumeration struct {
	eps     float64
	cohorts int
	really  func(w float64) float64
}

// expectation is the exact mean of both processes at the end of a release, over
// every label and outcome there may be, by way of New and Score.
func (r enumeration) expectation(t *testing.T, next adversary, of func(*analysis.Test) (e, mirror float64)) (e, mirror float64) {
	t.Helper()
	var walk func(seen []analysis.Cohort, probability float64)
	walk = func(seen []analysis.Cohort, probability float64) {
		if len(seen) == r.cohorts {
			test := newTest(t, analysis.Config{Steps: 3, Tolerance: r.eps, Prior: counts(19, 1)})
			for _, c := range seen {
				test.Score(c)
			}
			a, b := of(test)
			e, mirror = e+probability*a, mirror+probability*b
			return
		}
		from, pb, pc := next(seen)
		w := r.really(from.Weight)
		kinds := []float64{w * (1 - pc), w * pc, (1 - w) * (1 - pb), (1 - w) * pb}
		for first, p := range kinds {
			for second, q := range kinds {
				both := [4]int64{}
				both[first]++
				both[second]++
				c := from
				c.Canary, c.Stable = counts(both[0], both[1]), counts(both[2], both[3])
				walk(append(slices.Clip(seen), c), probability*p*q)
			}
		}
	}
	walk(nil, 1)
	return e, mirror
}

// reacting lets everything follow from what was seen: rates jump when the canary
// has failed, and the weight and the step rise while it has not. The canary fails
// at rate(pb).
func reacting(rate func(pb float64) float64) adversary {
	return func(seen []analysis.Cohort) (analysis.Cohort, float64, float64) {
		from, pb := analysis.Cohort{Weight: 0.2}, 0.03
		for _, c := range seen {
			if c.Canary.Errors() > 0 {
				pb = 0.6
			} else {
				from.Weight, from.Step = from.Weight+0.3, from.Step+1
			}
			if c.Stable.Errors() > 0 {
				pb /= 2
			}
		}
		return from, pb, rate(pb)
	}
}

// TestTheLawOfAWholeRelease is the theorem for the code from end to end: with the
// canary just tolerated at every moment, both processes have a mean of exactly one
// after several cohorts, although weights, steps and rates follow from what was
// seen. On the null's side it is less, beyond it more.
func TestTheLawOfAWholeRelease(t *testing.T) {
	for _, eps := range []float64{0, 0.01, 0.2} {
		r := enumeration{eps, 3, asPromised}
		just := func(pb float64) float64 { return shifted(pb, eps) }
		e, mirror := r.expectation(t, reacting(just), analysis.Earned)
		if math.Abs(e-1) > slack || math.Abs(mirror-1) > slack {
			t.Errorf("ε %v, just tolerated: the means are 1%+.3g and 1%+.3g", eps, e-1, mirror-1)
		}
		e, mirror = r.expectation(t, reacting(func(pb float64) float64 { return just(pb) / 2 }), analysis.Earned)
		if e >= 1 || mirror <= 1 {
			t.Errorf("ε %v, better: the means are %v and %v", eps, e, mirror)
		}
		e, mirror = r.expectation(t, reacting(func(pb float64) float64 { return just(just(pb) + 0.2) }), analysis.Earned)
		if e <= 1 || mirror >= 1 {
			t.Errorf("ε %v, worse: the means are %v and %v", eps, e, mirror)
		}
	}
}

func asPromised(w float64) float64 { return w }

// TestTheLawUnderAnotherSplit: what the verdict rests on has a mean of at most one
// whatever the split is, if it is constant in a step. What was earned before that
// is divided out has not: the test is known to be able to fail.
func TestTheLawUnderAnotherSplit(t *testing.T) {
	stated := func(test *analysis.Test) (e, mirror float64) {
		v := test.Verdict()
		return math.Exp(v.LogE), v.MirrorE
	}
	just := reacting(func(pb float64) float64 { return shifted(pb, tolerance) })
	broken := false
	for _, really := range []func(w float64) float64{
		asPromised,
		func(w float64) float64 { return w / 3 },
		func(w float64) float64 { return math.Sqrt(w) },
		func(float64) float64 { return 0.03 },
		func(float64) float64 { return 0.9 },
	} {
		r := enumeration{tolerance, 3, really}
		if e, mirror := r.expectation(t, just, stated); e > 1+slack || mirror > 1+slack {
			t.Errorf("%v in place of 20 %%: the means are %v and %v", really(0.2), e, mirror)
		}
		e, mirror := r.expectation(t, just, analysis.Earned)
		broken = broken || e > 1.2 || mirror > 1.2
	}
	if !broken {
		t.Error("no split is one under which the undivided evidence grows")
	}
}
