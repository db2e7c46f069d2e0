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
			canary, stable := factors(guessing(t.past.shares(), tolerance).bet(a, errorClasses), w)
			all = append(all, Factor{a.name, canary[0], canary[1], stable[0], stable[1]})
		}
		return all
	}
	return next(t.worse.alternatives), next(t.notWorse.alternatives)
}

// factors are those of a unit by class.
func factors(b bet, w float64) (canary, stable []float64) {
	l := b.logs(w)
	for y := range b.canary {
		canary, stable = append(canary, math.Exp(l.canary(b.canary[y]))), append(stable, math.Exp(l.stable(b.stable[y])))
	}
	return canary, stable
}

// Quantiles are where latencies are cut.
func Quantiles() []float64 { return quantiles() }

// ClassFactor is one component's factors for one unit by class, out of log space.
type ClassFactor struct {
	Name           string
	Apart          bool // it is about the latencies of what did not fail, alone
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
		g := guessing(t.past.shares(), tolerance)
		canary, stable := factors(g.bet(a, LatencyClasses), w)
		all = append(all, ClassFactor{a.name, a.latency && g.failed < tolerance, canary, stable})
	}
	return all
}

// Earned is what both processes have earned under the promised split, before
// anything is divided out of it.
func Earned(t *Test) (e, mirror float64) {
	return math.Exp(t.worse.logE(nil)), math.Exp(t.notWorse.logE(nil))
}

// Split is the evidence that the split is another one.
func Split(t *Test) float64 { return math.Exp(t.split.logE()) }

// Batch is the factor of a batch under an odds ratio.
func Batch(canary, stable Counts, psi, tolerance float64) float64 {
	var b batch
	b.add(Cohort{Canary: canary, Stable: stable})
	return math.Exp(b.gains([]float64{psi}, tolerance)[0])
}
