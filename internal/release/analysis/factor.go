package analysis

import "math"

// closest is how near to 0 and 1 a guessed rate may come. Nearer ones would be
// rounded to 0 or 1, under which an outcome is impossible and its factor no number.
const closest = 1e-9

func within(q float64) float64 { return min(max(q, closest), 1-closest) }

// shift guesses the error rate of the stable version when a share ε of all its
// units fails besides: (1−ε)·q + ε, in a form that rounding never takes below q.
func shift(raw, tolerance float64) float64 { return within(raw + tolerance*(1-raw)) }

// bet holds guessed ratios ρ(y) = q_c(y)/q_b(y) of the outcome classes, by which
// units of the canary and of the stable version are judged; they differ only in what
// failed, where latencies are compared. The zero value bets nothing. The factor of a
// unit is, for weight w in (0, 1) and tolerance ε,
//
//	S(c, y) = ρ(y) / (w·ρ(y) + 1−w),  S(b, y) = 1 / (w·ρ(y) + 1−w)
//	S̃(c, y) = S(c, y),  S̃(b, y) = (1−ε)·S(b, y) + ε·S(b, error).
//
// Its mean is at most one when the canary is no worse. See DESIGN.md for the derivation.
type bet struct {
	canary, stable []float64
	tolerance      float64
}

// gain is the log of the product of S̃ over a cohort's units. Counts suffice, since
// all units of a cohort are judged under the same guess.
func (b bet) gain(c Cohort) float64 {
	if len(b.canary) == 0 {
		return 0
	}
	l := b.logs(c.Weight)
	return total(b.canary, c.Canary.Units, l.canary) + total(b.stable, c.Stable.Units, l.stable)
}

// total adds up what units of all classes gain. Logarithms are what costs time: one
// for all classes that are not told apart, and none for those without units.
func total(rhos []float64, units []int64, each func(rho float64) float64) float64 {
	sum := 0.0
	for y := 0; y < len(rhos); {
		rho, n := rhos[y], int64(0)
		for ; y < len(rhos) && rhos[y] == rho; y++ {
			n += units[y]
		}
		if n > 0 {
			sum += float64(n) * each(rho)
		}
	}
	return sum
}

// mean is what a unit gains in the mean at a weight, when the versions' outcomes
// are distributed like this.
func (b bet) mean(w float64, canary, stable []float64) float64 {
	sum, l := 0.0, b.logs(w)
	for y := range b.canary {
		sum += w*canary[y]*l.canary(b.canary[y]) + (1-w)*stable[y]*l.stable(b.stable[y])
	}
	return sum
}

// logs are those of S̃ under one weight.
type logs struct{ w, tolerance, failed float64 } // failed is S(b, error)

func (b bet) logs(w float64) logs {
	l := logs{w: w, tolerance: b.tolerance}
	if last := len(b.stable) - 1; last >= 0 {
		l.failed = 1 / (w*b.stable[last] + (1 - w))
	}
	return l
}

func (l logs) canary(rho float64) float64 { return math.Log(rho / (l.w*rho + (1 - l.w))) }

func (l logs) stable(rho float64) float64 {
	return math.Log((1-l.tolerance)/(l.w*rho+(1-l.w)) + l.tolerance*l.failed)
}
