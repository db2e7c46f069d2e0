package analysis

import "math"

// guess is a pair of error rates that is fixed before the units are seen. Both
// lie strictly between 0 and 1.
type guess struct {
	stable float64 // q̃_b: of the shifted stable version
	canary float64 // q_c
}

// closest is how near to 0 and 1 a guessed rate may come. Nearer ones would be
// rounded to 0 or 1, under which an outcome is impossible and its factor no number.
const closest = 1e-9

func within(q float64) float64 { return min(max(q, closest), 1-closest) }

// shift guesses the error rate of the stable version when a share ε of all its
// units fails besides: (1−ε)·q + ε, in a form that rounding never takes below q.
func shift(raw, tolerance float64) float64 { return within(raw + tolerance*(1-raw)) }

// factor holds the likelihood ratios S̃ for the outcomes of a unit under one
// guess, in log space. See DESIGN.md for the derivation.
type factor struct {
	canaryGood, canaryError float64
	stableGood, stableError float64
}

// newFactor computes, for weight w in (0, 1) and tolerance ε,
//
//	S(x, y) = q_x(y) / (w·q_c(y) + (1−w)·q_b(y))
//	S̃(c, y) = S(c, y),  S̃(b, y) = (1−ε)·S(b, y) + ε·S(b, error).
//
// With the true canary equal to the shifted stable version (1−ε)·P_b + ε·δ_error
// its mean is exactly one, whatever P_b is.
func newFactor(q guess, w, tolerance float64) factor {
	mixGood := w*(1-q.canary) + (1-w)*(1-q.stable)
	mixError := w*q.canary + (1-w)*q.stable
	stableGood, stableError := (1-q.stable)/mixGood, q.stable/mixError
	return factor{
		canaryGood:  math.Log((1 - q.canary) / mixGood),
		canaryError: math.Log(q.canary / mixError),
		stableGood:  math.Log((1-tolerance)*stableGood + tolerance*stableError),
		stableError: math.Log(stableError),
	}
}

// of is the log of the product over a cohort's units. Counts suffice, since all
// units of a cohort are judged under the same guess.
func (f factor) of(c Cohort) float64 {
	return float64(c.Canary.good())*f.canaryGood + float64(c.Canary.Errors())*f.canaryError +
		float64(c.Stable.good())*f.stableGood + float64(c.Stable.Errors())*f.stableError
}

// odds multiplies the odds of a probability: ψq / (1 − q + ψq).
func odds(q, psi float64) float64 { return psi * q / (1 - q + psi*q) }
