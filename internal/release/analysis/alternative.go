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
	// latency says that it is about the classes of latency; otherwise it is about good
	// and failed.
	latency bool
	// tilt says, up to a factor, what each class is multiplied by, of which the guessed
	// shares are given. For the alternatives of one process it is monotone in the class,
	// whatever is guessed; DESIGN.md says why that is needed.
	tilt func(g guess, shares, by []float64)
}

// guess is what is believed of the stable version before the units are seen.
type guess struct {
	failed    float64 // share of the units
	tolerance float64
	// Shares when the tolerated share of units fails besides: of good and failed; of the
	// latency classes among the good, and of these and the failed, nil without them.
	errors, good, all []float64
	made              []float64 // the ratios of the last bet
}

// guessing makes the guess out of the shares of a past.
func guessing(shares []float64, tolerance float64) guess {
	last := len(shares) - 1
	shifted := shift(shares[last], tolerance)
	g := guess{
		failed: shares[last], tolerance: tolerance, errors: []float64{1 - shifted, shifted},
		made: make([]float64, 2*len(shares)),
	}
	if len(shares) == LatencyClasses {
		g.good, g.all = make([]float64, last), make([]float64, len(shares))
		for y, q := range shares[:last] {
			g.good[y] = q / (1 - g.failed)
			g.all[y] = g.good[y] * (1 - shifted)
		}
		g.all[last] = shifted
	}
	return g
}

// bet returns what an alternative makes of a guess, for outcomes of which so many
// classes are told apart. It is valid until the next call.
func (g guess) bet(a alternative, classes int) bet {
	rhos := g.made[:classes]
	switch {
	case !a.latency:
		g.tilted(a, g.errors, rhos[:errorClasses])
		failed := rhos[1]
		for y := range rhos[:classes-1] {
			rhos[y] = rhos[0]
		}
		rhos[classes-1] = failed
		return bet{rhos, rhos, g.tolerance}
	case classes != LatencyClasses:
		return bet{}
	case g.failed < g.tolerance:
		return g.apart(a)
	default:
		g.tilted(a, g.all, rhos)
		return bet{rhos, rhos, g.tolerance}
	}
}

// apart bets on the latencies of what did not fail. What failed must not speak against
// the canary, however often each version fails: a failed unit of the canary is as good
// as the fastest, one of the stable version as bad as the slowest. That is dear where
// the stable version fails often.
func (g guess) apart(a alternative) bet {
	const last = LatencyClasses - 1
	canary, stable := g.made[:LatencyClasses], g.made[LatencyClasses:]
	g.tilted(a, g.good, canary[:last])
	copy(stable, canary)
	canary[last], stable[last] = canary[0], canary[last-1]
	return bet{canary, stable, 0}
}

// tilted writes the ratios: what the shares are multiplied by so that they are shares
// again.
func (g guess) tilted(a alternative, shares, rhos []float64) {
	a.tilt(g, shares, rhos)
	sum := 0.0
	for y, q := range shares {
		sum += q * rhos[y]
	}
	for y := range rhos {
		rhos[y] /= sum
	}
}

// odds multiplies the odds of an error by psi.
func odds(name string, weight, psi float64) alternative {
	return alternative{name, weight, false, func(_ guess, _, by []float64) { by[0], by[1] = 1, psi }}
}

// slower moves all of the distribution towards the bad classes: each class by e^λs, s
// being its mid-rank among the stable version's outcomes.
func slower(weight, lambda float64) alternative {
	return alternative{fmt.Sprintf("slower throughout (λ=%v)", lambda), weight, true, func(_ guess, shares, by []float64) {
		below := 0.0
		for y, q := range shares {
			by[y] = math.Exp(lambda * (below + q/2))
			below += q
		}
	}}
}

// tail multiplies what is at least as bad as a class.
func tail(name string, weight float64, from int, times float64) alternative {
	return alternative{fmt.Sprintf("%s ×%v", name, times), weight, true, func(_ guess, _, by []float64) {
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
		{"no difference", weight, false, func(g guess, shares, by []float64) {
			by[0], by[1] = (1-g.failed)/shares[0], g.failed/shares[1]
		}},
		odds("errors ×1/2", weight, 1.0/2),
		odds("errors ×1/5", weight, 1.0/5),
		odds("errors ×1/20", weight, 1.0/20),
	}
}
