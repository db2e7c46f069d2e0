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
			f := a.factor(t.past.rate(), w, t.cfg.Tolerance)
			all = append(all, Factor{
				a.name, math.Exp(f.canaryGood), math.Exp(f.canaryError), math.Exp(f.stableGood), math.Exp(f.stableError),
			})
		}
		return all
	}
	return next(t.worse.alternatives), next(t.notWorse.alternatives)
}
