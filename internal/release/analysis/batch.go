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

// negligible is the probability of a single term that is left out of a mean.
const negligible = 1e-9

// gains is, for each odds ratio psi, the log of the batch's factor under it:
// ψ^k_c/E[ψ^j], j being hypergeometric. A tolerated share ε of the stable
// version's good units is taken to have failed besides, and the mean over those
// coins is taken. Terms that are left out of it make the factor smaller.
func (b *batch) gains(psis []float64, tolerance float64) []float64 {
	gains := make([]float64, len(psis))
	if b.canary == 0 || b.stable == 0 || b.units() > largestBatch {
		return gains
	}
	means := make([]float64, len(psis))
	for i := range gains {
		gains[i] = math.Inf(-1)
	}
	good := b.stable - b.stableFailed
	coin := good * math.Log1p(-tolerance) // log of the probability of m more failures
	odds := math.Log(tolerance) - math.Log1p(-tolerance)
	for m := 0.0; m <= good; m++ {
		if p := math.Exp(coin); p >= negligible {
			b.logMeans(means, psis, b.canaryFailed+b.stableFailed+m)
			for i := range gains {
				gains[i] = addLog(gains[i], coin-means[i])
			}
		} else if m > good*tolerance {
			break
		}
		coin += math.Log((good-m)/(m+1)) + odds
	}
	for i, psi := range psis {
		gains[i] += b.canaryFailed * math.Log(psi)
	}
	return gains
}

// logMeans computes ln E[ψ^j] for j hypergeometric: the canary's failures when so
// many units failed in all. With r_j = h(j+1)/h(j) it is the ratio of the nested
// products 1 + r_0·ψ·(1 + r_1·ψ·(…)) at ψ and at 1, times ψ to the least j.
func (b *batch) logMeans(means, psis []float64, failed float64) {
	least, most := max(0, failed-b.stable), min(b.canary, failed)
	whole := nested{value: 1, unit: 1}
	for i, psi := range psis {
		at := nested{value: 1, unit: 1}
		for j := most - 1; j >= least; j-- {
			at.wrap(psi * b.step(j, failed))
		}
		means[i] = least*math.Log(psi) + at.log()
	}
	for j := most - 1; j >= least; j-- {
		whole.wrap(b.step(j, failed))
	}
	for i := range means {
		means[i] -= whole.log()
	}
}

// step is h(j+1)/h(j).
func (b *batch) step(j, failed float64) float64 {
	return (b.canary - j) * (failed - j) / ((j + 1) * (b.stable - failed + j + 1))
}

// nested is a nested product in floating point that does not overflow.
type nested struct {
	value, unit float64 // value stands for itself, and unit for one, times e^lost
	lost        float64
}

// wrap makes 1 + r·(…) of it.
func (n *nested) wrap(r float64) {
	n.value = n.unit + r*n.value
	if n.value > 1e200 {
		n.value *= 1e-200
		n.unit *= 1e-200
		n.lost += 200 * math.Ln10
	}
}

func (n *nested) log() float64 { return math.Log(n.value) + n.lost }
