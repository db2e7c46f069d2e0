package analysis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// cell is what a cohort is drawn from.
type cell struct {
	step, units int
	pb, pc      float64 // true error rates of the stable version and the canary
}

func draw(rng *rand.Rand, from cell) analysis.Cohort {
	w := steps[from.step]
	c := analysis.Cohort{Step: from.step, Weight: w, Canary: counts(0, 0), Stable: counts(0, 0)}
	for range from.units {
		if rng.Float64() < w {
			c.Canary.Units[outcome(rng, from.pc)]++
		} else {
			c.Stable.Units[outcome(rng, from.pb)]++
		}
	}
	return c
}

func outcome(rng *rand.Rand, p float64) int {
	if rng.Float64() < p {
		return 1
	}
	return 0
}

// prior is a past at a rate.
func prior(rate float64) analysis.Counts {
	return counts(int64(10_000*(1-rate)), int64(10_000*rate))
}

// release scores n cohorts, looking after each, and returns the index of the one
// at which the canary was found worse, -1 if that never was, and how many of the
// canary's units failed until then.
func release(test *analysis.Test, n int, next func(i int) analysis.Cohort) (at int, harmed int64) {
	for i := range n {
		test.Score(next(i))
		if v := test.Verdict(); v.Kind == analysis.Worse {
			return i, v.Canary.Errors()
		}
	}
	return -1, test.Verdict().Canary.Errors()
}

// atMost fails when so many events in n are incredible, if each has at most the
// probability p: when the exact binomial tail is below 1e-6, which is when the
// Clopper-Pearson bound of that confidence lies above p.
func atMost(t *testing.T, events, n int, p float64) {
	t.Helper()
	if tail := binomialTail(events, n, p); tail < 1e-6 {
		t.Errorf("%d of %d are too many for a rate of %v (probability %.2g)", events, n, p, tail)
	}
}

// binomialTail is the probability of at least k events in n.
func binomialTail(k, n int, p float64) float64 {
	sum := 0.0
	all, _ := math.Lgamma(float64(n + 1))
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(all - a - b + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

func TestBinomialTail(t *testing.T) {
	for _, c := range []struct {
		k, n    int
		p, want float64
	}{{0, 5, 0.3, 1}, {5, 5, 0.5, 1.0 / 32}, {1, 2, 0.1, 0.19}, {2, 3, 0.5, 0.5}} {
		if got := binomialTail(c.k, c.n, c.p); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("at least %d of %d at %v: got %v, want %v", c.k, c.n, c.p, got, c.want)
		}
	}
}

// course is how the error rates go during a release.
type course struct {
	name string
	of   func(rng *rand.Rand, base float64) func(i int) (pb, pc float64)
}

// sameVersion are courses of two versions that behave alike. The last is the
// edge of what is tolerated, where the bound has the least to spare.
func sameVersion() []course {
	return []course{
		{"steady", func(_ *rand.Rand, base float64) func(int) (float64, float64) {
			return func(int) (float64, float64) { return base, base }
		}},
		{"shared incident", func(rng *rand.Rand, base float64) func(int) (float64, float64) {
			from, length := rng.IntN(150), 1+rng.IntN(40)
			return func(i int) (float64, float64) {
				if i >= from && i < from+length {
					return max(base, 0.4), max(base, 0.4)
				}
				return base, base
			}
		}},
		{"drift", func(rng *rand.Rand, base float64) func(int) (float64, float64) {
			odds := math.Log(base / (1 - base))
			return func(int) (float64, float64) {
				odds += 0.2 * rng.NormFloat64()
				p := 1 / (1 + math.Exp(-odds))
				return p, p
			}
		}},
		{"just tolerated", func(_ *rand.Rand, base float64) func(int) (float64, float64) {
			return func(int) (float64, float64) { return base, shifted(base, tolerance) }
		}},
	}
}

// TestFalseRollbacks releases the same version 2 720 times and looks after each
// of the 150 cohorts. Every other time the split is a promise, which is kept.
func TestFalseRollbacks(t *testing.T) {
	t.Parallel()
	const runs, cohorts = 170, 150
	all := 0
	for ci, course := range sameVersion() {
		for bi, base := range []float64{0.0005, 0.005, 0.02, 0.2} {
			rng := rand.New(rand.NewPCG(uint64(ci), uint64(bi)))
			wrong := 0
			for run := range runs {
				rates := course.of(rng, base)
				test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(base), Drawn: run%2 == 0})
				at, _ := release(test, cohorts, func(i int) analysis.Cohort {
					pb, pc := rates(i)
					return draw(rng, cell{i * len(steps) / cohorts, rng.IntN(60), pb, pc})
				})
				if at >= 0 {
					wrong++
				}
			}
			t.Logf("%s at %g: %d of %d rolled back", course.name, base, wrong, runs)
			atMost(t, wrong, runs, alpha)
			all += wrong
		}
	}
	atMost(t, all, 16*runs, alpha)
}

// TestTheSimulationCanFail: with the tolerance left out of the test, versions
// that are just tolerated are rolled back, and so many are noticed as too many.
func TestTheSimulationCanFail(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 2))
	const runs, cohorts = 30, 600
	found := 0
	for range runs {
		test := newTest(t, analysis.Config{Prior: prior(0.005)})
		if at, _ := release(test, cohorts, func(i int) analysis.Cohort {
			return draw(rng, cell{i * len(steps) / cohorts, 40, 0.005, shifted(0.005, tolerance)})
		}); at >= 0 {
			found++
		}
	}
	if binomialTail(found, runs, alpha) >= 1e-6 {
		t.Errorf("only %d of %d were rolled back", found, runs)
	}
}

// TestPower is what the bound is bought with. Five requests in a quarter of a
// second, five minutes a step, from 0.5 %.
func TestPower(t *testing.T) {
	t.Parallel()
	const second, step = 4, 4 * 300
	for _, c := range []struct {
		pc     float64
		runs   int
		harmed int64 // at most, in the median
		within int   // cohorts, in the median
	}{
		{0.50, 201, 5, 60 * second},
		{0.05, 41, 20, 300 * second},
	} {
		t.Run(fmt.Sprintf("to %g", c.pc), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(6, 6))
			var harmed []int64
			var after []int
			for range c.runs {
				test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(0.005), Drawn: true})
				at, n := release(test, 4*step, func(i int) analysis.Cohort {
					return draw(rng, cell{i / step, 5, 0.005, c.pc})
				})
				if at < 0 {
					at = math.MaxInt
				}
				harmed, after = append(harmed, n), append(after, at)
			}
			slices.Sort(harmed)
			slices.Sort(after)
			middle := c.runs / 2
			t.Logf("median: %d harmed, %d s", harmed[middle], after[middle]/second)
			if harmed[middle] > c.harmed || after[middle] > c.within {
				t.Errorf("median: %d harmed after %d cohorts, want at most %d after %d", harmed[middle], after[middle], c.harmed, c.within)
			}
		})
	}
}

// TestALittleWorseIsTolerated: from 2 % to 2.09 % with a tolerance of 1 %, for
// twenty minutes at twenty requests a second.
func TestALittleWorseIsTolerated(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	const runs, cohorts = 40, 1200
	found := 0
	for range runs {
		test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(0.02)})
		if at, _ := release(test, cohorts, func(i int) analysis.Cohort {
			return draw(rng, cell{i * len(steps) / cohorts, 20, 0.02, 0.0209})
		}); at >= 0 {
			found++
		}
	}
	atMost(t, found, runs, alpha)
}

// TestOrderOfClaims is the trap of slow failures: both versions fail at the same
// rate, the canary at once, the stable version after thirty seconds. In the order
// of claims nothing is found; in that of completions it is.
func TestOrderOfClaims(t *testing.T) {
	t.Parallel()
	const runs, delay, cohorts, rate = 60, 120, 400, 0.1
	inClaims, inCompletions := 0, 0
	for run := range runs {
		var claimed, completed []analysis.Cohort
		rng := rand.New(rand.NewPCG(8, uint64(run)))
		for i := range cohorts {
			c := draw(rng, cell{3, 10, rate, rate})
			claimed = append(claimed, c)
			late := int64(0)
			if i >= delay {
				late = claimed[i-delay].Stable.Errors()
			}
			c.Stable = counts(c.Stable.Units[0], late)
			completed = append(completed, c)
		}
		for order, found := range map[*[]analysis.Cohort]*int{&claimed: &inClaims, &completed: &inCompletions} {
			test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(rate)})
			if at, _ := release(test, cohorts, func(i int) analysis.Cohort { return (*order)[i] }); at >= 0 {
				*found++
			}
		}
	}
	t.Logf("found worse: %d of %d in the order of claims, %d in that of completions", inClaims, runs, inCompletions)
	atMost(t, inClaims, runs, alpha)
	if inCompletions < runs*9/10 {
		t.Errorf("in the order of completions only %d of %d were found worse: the trap does not snap", inCompletions, runs)
	}
}
