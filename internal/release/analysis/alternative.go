package analysis

import (
	"fmt"
	"math"
)

// alternative says how the canary differs from the stable version: what its
// share of each outcome class is multiplied by.
type alternative struct {
	name   string
	weight float64 // of all its components together in the mixture
	// tilt says, up to a factor, what each class is multiplied by. For the alternatives
	// of one process it is monotone in the class, whatever is guessed; DESIGN.md says
	// why that is needed.
	tilt func(g guess, by []float64)
}

// guess is what is believed of the stable version before the units are seen: the
// shares of the outcome classes, and what they are when the tolerated share of
// units fails besides.
type guess struct{ raw, shifted, scratch []float64 }

// guessing makes the guess out of the shares of a past.
func guessing(raw []float64, tolerance float64) guess {
	last := len(raw) - 1
	failed := shift(raw[last], tolerance)
	g := guess{raw: raw, shifted: make([]float64, len(raw)), scratch: make([]float64, len(raw))}
	for y := range raw[:last] {
		g.shifted[y] = raw[y] / (1 - raw[last]) * (1 - failed)
	}
	g.shifted[last] = failed
	return g
}

// ratios guesses ρ(y) = q_c(y)/q̃_b(y) for an alternative: what the shares are
// multiplied by so that they are shares again. They are valid until the next call.
func (g guess) ratios(a alternative) []float64 {
	a.tilt(g, g.scratch)
	sum := 0.0
	for y, q := range g.shifted {
		sum += q * g.scratch[y]
	}
	for y := range g.scratch {
		g.scratch[y] /= sum
	}
	return g.scratch
}

// told returns the ratios of an alternative for outcomes of which so many classes
// are told apart: all, or good and failed alone.
func (g guess) told(a alternative, classes int) []float64 {
	ratios := g.ratios(a)
	if classes == len(ratios) {
		return ratios
	}
	last := len(ratios) - 1
	failed := g.shifted[last]
	return []float64{(1 - ratios[last]*failed) / (1 - failed), ratios[last]}
}

// odds multiplies the odds of an error by psi.
func odds(name string, weight, psi float64) alternative {
	return alternative{name, weight, func(_ guess, by []float64) {
		last := len(by) - 1
		for y := range last {
			by[y] = 1
		}
		by[last] = psi
	}}
}

// slower moves all of the distribution towards the slow classes and the error:
// each class by e^λs, s being its mid-rank among the stable version's outcomes.
func slower(weight, lambda float64) alternative {
	return alternative{fmt.Sprintf("slower throughout (λ=%v)", lambda), weight, func(g guess, by []float64) {
		below := 0.0
		for y, q := range g.shifted {
			by[y] = math.Exp(lambda * (below + q/2))
			below += q
		}
	}}
}

// tail multiplies what is at least as slow as a class.
func tail(name string, weight float64, from int, times float64) alternative {
	return alternative{fmt.Sprintf("%s ×%v", name, times), weight, func(_ guess, by []float64) {
		for y := range by {
			by[y] = 1
			if y >= from {
				by[y] = times
			}
		}
	}}
}

// worseAlternatives are the ways of being worse. With latency classes half of
// the weight is theirs.
func worseAlternatives(classes int) []alternative {
	share := 1.0
	if classes == LatencyClasses {
		share = 0.5
	}
	var all []alternative
	psis := []float64{1.5, 2, 3, 5, 10, 30, 100}
	for _, psi := range psis {
		all = append(all, odds(fmt.Sprintf("errors ×%v", psi), share/float64(len(psis)), psi))
	}
	if classes != LatencyClasses {
		return all
	}
	const latency = 15 // the number of alternatives that follow
	for _, lambda := range []float64{0.5, 1, 2} {
		all = append(all, slower(share/latency, lambda))
	}
	for _, t := range []struct {
		name string
		from int
	}{{"beyond p95", 4}, {"beyond p99", 5}, {"beyond p99.8", 6}} {
		for _, times := range []float64{1.5, 2, 4, 16} {
			all = append(all, tail(t.name, share/latency, t.from, times))
		}
	}
	return all
}

// notWorseAlternatives are a canary without any difference, and better ones.
// They are about errors alone: of two classes.
func notWorseAlternatives() []alternative {
	const weight = 1.0 / 4
	return []alternative{
		{"no difference", weight, func(g guess, by []float64) {
			for y := range by {
				by[y] = g.raw[y] / g.shifted[y]
			}
		}},
		odds("errors ×1/2", weight, 1.0/2),
		odds("errors ×1/5", weight, 1.0/5),
		odds("errors ×1/20", weight, 1.0/20),
	}
}
