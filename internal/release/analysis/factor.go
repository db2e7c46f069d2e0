package analysis

import "math"

// closest is how near to 0 and 1 a guessed rate may come. Nearer ones would be
// rounded to 0 or 1, under which an outcome is impossible and its factor no number.
const closest = 1e-9

func within(q float64) float64 { return min(max(q, closest), 1-closest) }

// shift guesses the error rate of the stable version when a share ε of all its
// units fails besides: (1−ε)·q + ε, in a form that rounding never takes below q.
func shift(raw, tolerance float64) float64 { return within(raw + tolerance*(1-raw)) }

// factor holds the likelihood ratios S̃ for the outcomes of a unit under one
// guess, by class and in log space. See DESIGN.md for the derivation.
type factor struct{ canary, stable []float64 }

// newFactor computes, for weight w in (0, 1), tolerance ε and the guessed ratios
// ρ(y) = q_c(y)/q̃_b(y) of the outcome classes, the last being the error,
//
//	S(c, y) = ρ(y) / (w·ρ(y) + 1−w),  S(b, y) = 1 / (w·ρ(y) + 1−w)
//	S̃(c, y) = S(c, y),  S̃(b, y) = (1−ε)·S(b, y) + ε·S(b, error).
//
// With the true canary equal to the shifted stable version (1−ε)·P_b + ε·δ_error
// its mean is exactly one, whatever P_b and ρ are.
func newFactor(ratios []float64, w, tolerance float64) factor {
	f := factor{make([]float64, len(ratios)), make([]float64, len(ratios))}
	failed := 1 / (w*ratios[len(ratios)-1] + (1 - w))
	for y, r := range ratios {
		mix := w*r + (1 - w)
		f.canary[y] = math.Log(r / mix)
		f.stable[y] = math.Log((1-tolerance)/mix + tolerance*failed)
	}
	return f
}

// of is the log of the product over a cohort's units. Counts suffice, since all
// units of a cohort are judged under the same guess.
func (f factor) of(c Cohort) float64 {
	sum := 0.0
	for y, n := range c.Canary.Units {
		sum += float64(n) * f.canary[y]
	}
	for y, n := range c.Stable.Units {
		sum += float64(n) * f.stable[y]
	}
	return sum
}

// mean is what a unit gains in the mean, when the versions' outcomes are
// distributed like this.
func (f factor) mean(w float64, canary, stable []float64) float64 {
	sum := 0.0
	for y := range f.canary {
		sum += w*canary[y]*f.canary[y] + (1-w)*stable[y]*f.stable[y]
	}
	return sum
}
