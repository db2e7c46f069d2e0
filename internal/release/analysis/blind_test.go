package analysis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// batchMean is the exact mean of a batch's factor over every number of failures.
func batchMean(nc, nb int64, pc, pb, psi, eps float64) float64 {
	sum := 0.0
	for kc := range nc + 1 {
		for kb := range nb + 1 {
			sum += binomial(nc, kc, pc) * binomial(nb, kb, pb) *
				analysis.Batch(counts(nc-kc, kc), counts(nb-kb, kb), psi, eps)
		}
	}
	return sum
}

// TestTheLawOfABatch is the theorem for the form that does not know the split, by
// enumeration: a mean of one where the canary is just tolerated, of less on the
// null's side, of more beyond it, for both directions.
func TestTheLawOfABatch(t *testing.T) {
	for _, n := range [][2]int64{{1, 1}, {1, 9}, {7, 2}, {5, 20}, {12, 12}} {
		for _, pb := range []float64{0.01, 0.2, 0.7} {
			for _, eps := range []float64{0, 0.01, 0.3} {
				for _, psi := range []float64{1.5, 100, 1.0 / 2, 1.0 / 20} {
					name := fmt.Sprintf("%d and %d units, P_b %v, ε %v, ×%v", n[0], n[1], pb, eps, psi)
					at := func(pc float64) float64 { return batchMean(n[0], n[1], pc, pb, psi, eps) }
					limit := shifted(pb, eps)
					// The terms that are left out make it a little less.
					if m := at(limit); m > 1+slack || m < 1-1e-4 {
						t.Errorf("%s: the mean is 1%+.3g at the boundary", name, m-1)
					}
					better, worse := at(limit/2), at((1+limit)/2)
					if (better < 1) != (psi > 1) || (worse < 1) != (psi < 1) {
						t.Errorf("%s: the mean is %v for a better one and %v for a worse one", name, better, worse)
					}
				}
			}
		}
	}
}

// TestTheLawOfABatchThatDrifts enumerates all labels and outcomes of a batch whose
// units fail at rates of their own, under a split that nobody knows.
func TestTheLawOfABatchThatDrifts(t *testing.T) {
	rates := []float64{0.02, 0.9, 0.5, 0.01, 0.6, 0.3, 0.8}
	for _, w := range []float64{0.1, 0.5, 0.8} {
		for _, psi := range []float64{3, 1.0 / 5} {
			sum := 0.0
			for labels := range 1 << len(rates) {
				for outcomes := range 1 << len(rates) {
					p, canary, stable := 1.0, counts(0, 0), counts(0, 0)
					for i, rate := range rates {
						to, share := stable, 1-w
						if labels>>i&1 == 1 {
							to, share, rate = canary, w, shifted(rate, tolerance)
						}
						y := outcomes >> i & 1
						p *= share * math.Abs(float64(1-y)-rate)
						to.Units[y]++
					}
					sum += p * analysis.Batch(canary, stable, psi, tolerance)
				}
			}
			if sum > 1+slack || sum < 1-1e-4 {
				t.Errorf("at a share of %v the mean for ×%v is 1%+.3g", w, psi, sum-1)
			}
		}
	}
}

// TestLargeBatches compares with sums over binomials where these are still exact
// enough, and holds that larger ones stay finite.
func TestLargeBatches(t *testing.T) {
	for _, c := range [][4]int64{{200, 60, 500, 20}, {20, 200, 30, 500}, {400, 0, 400, 9}} {
		canary, stable := counts(c[0], c[1]), counts(c[2], c[3])
		for _, psi := range []float64{1.5, 30} {
			got := analysis.Batch(canary, stable, psi, 0.01)
			want := batchFactor([2]int64{c[0], c[1]}, [2]int64{c[2], c[3]}, psi, 0.01)
			if math.Abs(got-want) > 1e-8*want {
				t.Errorf("%v ×%v: got %v, want %v", c, psi, got, want)
			}
		}
	}
	for _, c := range [][4]int64{{1000, 1000, 1000, 1000}, {2000, 0, 0, 2000}, {0, 2000, 2000, 0}, {1 << 60, 1, 1, 1 << 60}} {
		e := analysis.Batch(counts(c[0], c[1]), counts(c[2], c[3]), 100, 0.5)
		if math.IsNaN(e) {
			t.Errorf("%v: got %v", c, e)
		}
	}
}

// TestTheLawOfTheSplit enumerates every order of labels: the guard has a mean of
// exactly one under the promised split, which changes with the steps.
func TestTheLawOfTheSplit(t *testing.T) {
	const units = 12
	sum := 0.0
	for labels := range 1 << units {
		test, p := newTest(t, analysis.Config{Steps: 3}), 1.0
		for i := range units {
			c := analysis.Cohort{Step: i / 5, Weight: steps[i/5], Canary: counts(0, 0), Stable: counts(1, 0)}
			if labels>>i&1 == 1 {
				c.Canary, c.Stable = c.Stable, c.Canary
				p *= c.Weight
			} else {
				p *= 1 - c.Weight
			}
			test.Score(c)
		}
		sum += p * analysis.Split(test)
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("the mean is 1%+.3g", sum-1)
	}
}

// TestAnotherSplitIsNoticed: half of what was promised goes to the canary. What
// was proved for it is gone then, and is proved anew without knowing the split.
func TestAnotherSplitIsNoticed(t *testing.T) {
	test := newTest(t, analysis.Config{Steps: 1, Tolerance: tolerance, Prior: prior(0.005)})
	next := analysis.Cohort{Weight: 0.5, Canary: counts(25, 0), Stable: counts(75, 0)}
	seen := 0
	for ; test.Verdict().Split < test.Verdict().SplitBound && seen < 100; seen++ {
		test.Score(next)
	}
	if v := test.Verdict(); seen > 2 || v.Kind != analysis.Undecided || v.MirrorE > 20 {
		t.Errorf("noticed after %d cohorts: %+v", seen, v)
	}
	for range 60 {
		test.Score(next)
	}
	if v := test.Verdict(); v.Kind != analysis.NotWorse || v.NeedsWorse != 0 {
		t.Errorf("a good canary under another split: %+v", v)
	}
	next.Canary, next.Stable = counts(15, 10), counts(75, 0)
	for range 10 {
		test.Score(next)
	}
	if v := test.Verdict(); v.Kind != analysis.Worse || v.Mover == "" {
		t.Errorf("a bad one: %+v", v)
	}
}

// TestNoBatchGoesAcrossAStep: with a split that changes with the step and a rate
// that does, too, units of both in one batch would look like a worse canary.
func TestNoBatchGoesAcrossAStep(t *testing.T) {
	test := newTest(t, analysis.Config{Steps: 2})
	for range 40 {
		test.Score(analysis.Cohort{Step: 0, Weight: 0.05, Canary: counts(1, 0), Stable: counts(59, 0)})
		test.Score(analysis.Cohort{Step: 1, Weight: 0.95, Canary: counts(0, 57), Stable: counts(0, 3)})
	}
	if v := test.Verdict(); v.Kind != analysis.Undecided || v.E > 1+slack {
		t.Errorf("got %+v", v)
	}
}

// TestASplitThatWanders holds the level for a split that nobody promised and that
// follows the errors of both versions, which misleads whoever trusts it.
func TestASplitThatWanders(t *testing.T) {
	t.Parallel()
	const runs, cohorts = 250, 300
	rng := rand.New(rand.NewPCG(12, 12))
	noticed, wrong := 0, 0
	for range runs {
		test := newTest(t, analysis.Config{Steps: 1, Tolerance: tolerance, Prior: prior(0.005)})
		at, _ := release(test, cohorts, func(i int) analysis.Cohort {
			wave := math.Sin(float64(i) / 15)
			c := analysis.Cohort{Weight: 0.25, Canary: counts(0, 0), Stable: counts(0, 0)}
			for range 40 {
				to := c.Stable
				if rng.Float64() < 0.25*(1+0.5*wave) {
					to = c.Canary
				}
				to.Units[outcome(rng, 0.05*(1+wave))]++
			}
			return c
		})
		if at >= 0 {
			wrong++
		}
		if v := test.Verdict(); v.Split >= v.SplitBound {
			noticed++
		}
	}
	t.Logf("%d of %d rolled back, %d noticed", wrong, runs, noticed)
	atMost(t, wrong, runs, alpha)
}
