package analysis

import "math"

// closest is how near to 0 and 1 a guessed rate may come. Nearer ones would be
// rounded to 0 or 1, under which an outcome is impossible and its factor no number.
const closest = 1e-9

func within(q float64) float64 { return min(max(q, closest), 1-closest) }

// shift guesses the error rate of the stable version when a share ε of all its
// units fails besides: (1−ε)·q + ε, in a form that rounding never takes below q.
func shift(raw, tolerance float64) float64 { return within(raw + tolerance*(1-raw)) }

// ratio makes logs of likelihood ratios S̃ of a unit, for weight w in (0, 1),
// tolerance ε and guessed ratios ρ(y) = q_c(y)/q̃_b(y) of the outcome classes:
//
//	S(c, y) = ρ(y) / (w·ρ(y) + 1−w),  S(b, y) = 1 / (w·ρ(y) + 1−w)
//	S̃(c, y) = S(c, y),  S̃(b, y) = (1−ε)·S(b, y) + ε·S(b, error).
//
// With the true canary equal to the shifted stable version (1−ε)·P_b + ε·δ_error
// its mean is exactly one, whatever P_b and ρ are. See DESIGN.md for the derivation.
type ratio struct{ w, tolerance, failed float64 } // failed is S(b, error)

// newRatio takes ρ by class; the last is the error.
func newRatio(rhos []float64, w, tolerance float64) ratio {
	return ratio{w, tolerance, 1 / (w*rhos[len(rhos)-1] + (1 - w))}
}

func (r ratio) canary(rho float64) float64 { return math.Log(rho / (r.w*rho + (1 - r.w))) }

func (r ratio) stable(rho float64) float64 {
	return math.Log((1-r.tolerance)/(r.w*rho+(1-r.w)) + r.tolerance*r.failed)
}

// gain is the log of the product of S̃ over a cohort's units. Counts suffice, since
// all units of a cohort are judged under the same guess.
func gain(c Cohort, rhos []float64, tolerance float64) float64 {
	r, sum := newRatio(rhos, c.Weight, tolerance), 0.0
	for y := 0; y < len(rhos); {
		// Logarithms are what costs time: one for all classes that an alternative does
		// not tell apart, and none for those without units.
		rho, canary, stable := rhos[y], int64(0), int64(0)
		for ; y < len(rhos) && rhos[y] == rho; y++ {
			canary, stable = canary+c.Canary.Units[y], stable+c.Stable.Units[y]
		}
		if canary > 0 {
			sum += float64(canary) * r.canary(rho)
		}
		if stable > 0 {
			sum += float64(stable) * r.stable(rho)
		}
	}
	return sum
}

// factor holds the logs of S̃ by class.
type factor struct{ canary, stable []float64 }

func newFactor(rhos []float64, w, tolerance float64) factor {
	r, f := newRatio(rhos, w, tolerance), factor{}
	for _, rho := range rhos {
		f.canary, f.stable = append(f.canary, r.canary(rho)), append(f.stable, r.stable(rho))
	}
	return f
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
