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
	// latency says that it is about the classes of what did not fail; otherwise it is
	// about good and failed.
	latency bool
	// tilt says, up to a factor, what each class is multiplied by. For the alternatives
	// of one process it is monotone in the class, whatever is guessed; DESIGN.md says
	// why that is needed.
	tilt func(g guess, by []float64)
}

// guess is what is believed of the stable version before the units are seen.
type guess struct {
	failed    float64   // share of the units
	shifted   float64   // the same when the tolerated share of units fails besides
	latency   []float64 // shares of the classes among what did not fail, nil without them
	tolerance float64
	made      []float64 // the ratios of the last bet
}

// guessing makes the guess out of the shares of a past.
func guessing(shares []float64, tolerance float64) guess {
	last := len(shares) - 1
	g := guess{
		failed: shares[last], shifted: shift(shares[last], tolerance),
		tolerance: tolerance, made: make([]float64, 2*len(shares)),
	}
	if len(shares) == LatencyClasses {
		g.latency = make([]float64, last)
		for y, q := range shares[:last] {
			g.latency[y] = q / (1 - g.failed)
		}
	}
	return g
}

// bet returns what an alternative makes of a guess, for outcomes of which so many
// classes are told apart. It is valid until the next call.
func (g guess) bet(a alternative, classes int) bet {
	if a.latency {
		return g.onLatency(a, classes)
	}
	rhos := g.made[:classes]
	a.tilt(g, rhos[:errorClasses])
	good, failed := rhos[0], rhos[1]
	sum := (1-g.shifted)*good + g.shifted*failed
	for y := range rhos {
		rhos[y] = good / sum
	}
	rhos[classes-1] = failed / sum
	return bet{rhos, rhos, g.tolerance}
}

// onLatency bets on the latencies of what did not fail, if these are told apart. What
// failed must not speak against the canary, however often each version fails: a failed
// unit of the canary is as good as the fastest, one of the stable version as bad as the
// slowest.
func (g guess) onLatency(a alternative, classes int) bet {
	if classes != LatencyClasses {
		return bet{}
	}
	last := classes - 1
	canary, stable := g.made[:classes], g.made[classes:]
	a.tilt(g, canary[:last])
	sum := 0.0
	for y, q := range g.latency {
		sum += q * canary[y]
	}
	for y := range canary {
		canary[y] /= sum
		stable[y] = canary[y]
	}
	canary[last], stable[last] = canary[0], canary[last-1]
	return bet{canary, stable, 0}
}

// odds multiplies the odds of an error by psi.
func odds(name string, weight, psi float64) alternative {
	return alternative{name, weight, false, func(_ guess, by []float64) { by[0], by[1] = 1, psi }}
}

// slower moves all of the distribution towards the slow classes: each class by
// e^λs, s being its mid-rank among the stable version's units that did not fail.
func slower(weight, lambda float64) alternative {
	return alternative{fmt.Sprintf("slower throughout (λ=%v)", lambda), weight, true, func(g guess, by []float64) {
		below := 0.0
		for y, q := range g.latency {
			by[y] = math.Exp(lambda * (below + q/2))
			below += q
		}
	}}
}

// tail multiplies what is at least as slow as a class.
func tail(name string, weight float64, from int, times float64) alternative {
	return alternative{fmt.Sprintf("%s ×%v", name, times), weight, true, func(_ guess, by []float64) {
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
	for _, e := range []struct{ psi, weight float64 }{
		{1.5, 0.25}, {2, 0.2}, {3, 0.25}, {5, 0.12}, {10, 0.1}, {30, 0.05}, {100, 0.03},
	} {
		all = append(all, odds(fmt.Sprintf("errors ×%v", e.psi), share*e.weight, e.psi))
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
		{"no difference", weight, false, func(g guess, by []float64) {
			by[0], by[1] = (1-g.failed)/(1-g.shifted), g.failed/g.shifted
		}},
		odds("errors ×1/2", weight, 1.0/2),
		odds("errors ×1/5", weight, 1.0/5),
		odds("errors ×1/20", weight, 1.0/20),
	}
}
