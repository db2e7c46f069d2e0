package analysis

import (
	"math"
	"testing"
)

// Factor is one component's factors for one unit, out of log space.
type Factor struct {
	Name                    string
	CanaryGood, CanaryError float64
	StableGood, StableError float64
}

// NextFactors returns what every alternative of both processes multiplies its
// components by for the next unit, after a test has scored a past of the stable
// version: through New and Score, so that the guesses are those of the code.
func NextFactors(tb testing.TB, seen Counts, w, tolerance float64) (worse, notWorse []Factor) {
	tb.Helper()
	t, err := New(Config{Alpha: 0.01, Tolerance: tolerance, Steps: 1})
	if err != nil {
		tb.Fatal(err)
	}
	t.Score(Cohort{Stable: seen})
	next := func(alternatives []alternative) []Factor {
		var all []Factor
		for _, a := range alternatives {
			f := newFactor(guessing(t.past.shares(), tolerance).ratios(a), w, tolerance)
			all = append(all, Factor{
				a.name, math.Exp(f.canary[0]), math.Exp(f.canary[1]), math.Exp(f.stable[0]), math.Exp(f.stable[1]),
			})
		}
		return all
	}
	return next(t.worse.alternatives), next(t.notWorse.alternatives)
}

// Quantiles are where latencies are cut.
func Quantiles() []float64 { return quantiles() }

// ClassFactor is one component's factors for one unit by class, out of log space.
type ClassFactor struct {
	Name           string
	Canary, Stable []float64
}

// NextClassFactors is NextFactors for the process of being worse with latency
// classes.
func NextClassFactors(tb testing.TB, seen Counts, w, tolerance float64) []ClassFactor {
	tb.Helper()
	t, err := New(Config{Alpha: 0.01, Tolerance: tolerance, Steps: 1, Prior: Counts{Units: make([]int64, LatencyClasses)}})
	if err != nil {
		tb.Fatal(err)
	}
	t.Score(Cohort{Stable: seen})
	var all []ClassFactor
	for _, a := range t.worse.alternatives {
		f := newFactor(guessing(t.past.shares(), tolerance).ratios(a), w, tolerance)
		c := ClassFactor{Name: a.name}
		for y := range f.canary {
			c.Canary, c.Stable = append(c.Canary, math.Exp(f.canary[y])), append(c.Stable, math.Exp(f.stable[y]))
		}
		all = append(all, c)
	}
	return all
}

// Earned is what both processes have earned under the promised split, before
// anything is divided out of it.
func Earned(t *Test) (e, mirror float64) {
	nothing := make([]float64, t.cfg.Steps)
	return math.Exp(t.worse.logE(nothing)), math.Exp(t.notWorse.logE(nothing))
}

// Split is the evidence that the split is another one.
func Split(t *Test) float64 { return math.Exp(t.split.logE()) }

// Batch is the factor of a batch under an odds ratio.
func Batch(canary, stable Counts, psi, tolerance float64) float64 {
	var b batch
	b.add(Cohort{Canary: canary, Stable: stable})
	return math.Exp(b.gains([]float64{psi}, tolerance)[0])
}
