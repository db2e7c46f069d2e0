package analysis

import "math"

// batchUnits is how many units make a batch. Fewer hold less that can be
// compared; more delay the look. A bound on their total says nothing about the
// labels or outcomes of the units, on which a batch's end must not depend.
const batchUnits = 100

// largestBatch is beyond what is computed: such a batch is evidence of nothing.
const largestBatch = 4096

// batch is a set of units that one probability assigned, whatever it was.
type batch struct {
	canary, canaryFailed float64
	stable, stableFailed float64
}

func (b *batch) add(c Cohort) {
	b.canary += float64(c.Canary.Total())
	b.canaryFailed += float64(c.Canary.Errors())
	b.stable += float64(c.Stable.Total())
	b.stableFailed += float64(c.Stable.Errors())
}

func (b *batch) units() float64 { return b.canary + b.stable }

// rare is the probability below which a number of coins is left out of a mean.
const rare = 1e-9

// gains is, for each odds ratio psi, the log of the batch's factor under it:
// ψ^k_c/E[ψ^j], j being hypergeometric. A tolerated share ε of the stable
// version's good units is taken to have failed besides, and the mean over those
// coins is taken. Terms that are left out of it make the factor smaller.
func (b *batch) gains(psis []float64, tolerance float64) []float64 {
	gains := make([]float64, len(psis))
	if b.canary == 0 || b.stable == 0 || b.units() > largestBatch {
		return gains
	}
	least, chances := coins(b.stable-b.stableFailed, tolerance)
	failed := int(b.canaryFailed+b.stableFailed) + least
	growth := make([]float64, int(b.units()))
	for i, psi := range psis {
		b.grow(growth, failed+len(chances)-1, psi)
		gains[i] = b.canaryFailed*math.Log(psi) - logProduct(growth[:failed]) + logFaded(chances, growth[failed:])
	}
	return gains
}

// coins is the binomial distribution of how many of so many units fail when a
// share of them does, from the least number on whose probability is not rare.
func coins(units, share float64) (least int, chances []float64) {
	odds := share / (1 - share)
	log := units * math.Log1p(-share)
	m := 0.0
	for ; math.Exp(log) < rare; m++ {
		log += math.Log((units - m) / (m + 1) * odds)
	}
	least = int(m)
	for p := math.Exp(log); p >= rare; m++ {
		chances = append(chances, p)
		p *= (units - m) / (m + 1) * odds
	}
	return least, chances
}

// grow computes M(k+1)/M(k) for k below to, M(k) being E[ψ^j] when k units failed
// in all. It follows from DESIGN.md's recurrence in the direction in which all
// terms are positive, so that rounding errors fade: upwards from M(0) = 1 as long
// as the middle coefficient is positive, and beyond that down from M(n) = ψ^n_c.
func (b *batch) grow(growth []float64, to int, psi float64) {
	n, top := b.units(), psi*b.canary+b.stable
	turn, last := int(top/(1+psi)), 1.0
	for k := range min(turn+1, to) {
		f := float64(k)
		last = (top - (1+psi)*f + psi*f/last) / (n - f)
		growth[k] = last
	}
	if to <= turn+1 {
		return
	}
	for k := len(growth) - 1; k > turn; k-- {
		f := float64(k + 1)
		last = psi * f / ((n-f)*last + (1+psi)*f - top)
		growth[k] = last
	}
}

// extreme numbers are put aside as logarithms before they overflow.
const extreme = 1e200

// logProduct is the log of the product of the numbers.
func logProduct(numbers []float64) float64 {
	product, aside := 1.0, 0.0
	for _, x := range numbers {
		if product *= x; product > extreme || product < 1/extreme {
			product, aside = 1, aside+math.Log(product)
		}
	}
	return aside + math.Log(product)
}

// logFaded is the log of the sum of the chances, each divided by all the growth
// before it.
func logFaded(chances, growth []float64) float64 {
	sum, faded, aside := chances[0], 1.0, 0.0
	for i, chance := range chances[1:] {
		if faded /= growth[i]; faded > extreme {
			sum, faded, aside = sum/faded, 1, aside+math.Log(faded)
		}
		sum += chance * faded
	}
	return aside + math.Log(sum)
}
