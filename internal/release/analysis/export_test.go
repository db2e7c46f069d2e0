package analysis

import "math"

// Factor is one component's factors for one unit, out of log space.
type Factor struct {
	Name                    string
	CanaryGood, CanaryError float64
	StableGood, StableError float64
}

// Factors returns the next factor of every component of both processes, as a
// test with this guess of the stable rate would use it.
func Factors(raw, w, tolerance float64) (worse, notWorse []Factor) {
	return factorsOf(worseAlternatives(), raw, w, tolerance), factorsOf(notWorseAlternatives(), raw, w, tolerance)
}

func factorsOf(alternatives []alternative, raw, w, tolerance float64) []Factor {
	var all []Factor
	for _, a := range alternatives {
		f := a.factor(raw, w, tolerance)
		all = append(all, Factor{
			a.name, math.Exp(f.canaryGood), math.Exp(f.canaryError), math.Exp(f.stableGood), math.Exp(f.stableError),
		})
	}
	return all
}
