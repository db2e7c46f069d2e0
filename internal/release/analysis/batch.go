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

// Terms of a mean are left out where their probability is below rare, and beyond
// its middle when they add less than this share.
const (
	rare       = 1e-9
	negligible = 1e-5
)

// gains is, for each odds ratio psi, the log of the batch's factor under it:
// ψ^k_c/E[ψ^j], j being hypergeometric. A tolerated share ε of the stable
// version's good units is taken to have failed besides, and the mean over those
// coins is taken. Terms that are left out of it make the factor smaller.
func (b *batch) gains(psis []float64, tolerance float64) []float64 {
	gains := make([]float64, len(psis))
	if b.canary == 0 || b.stable == 0 || b.units() > largestBatch {
		return gains
	}
	sums, means, first := make([]float64, len(psis)), newNested(psis), make([]large, len(psis))
	good := b.stable - b.stableFailed
	coin := good * math.Log1p(-tolerance) // log of the probability of m more failures
	odds := math.Log(tolerance) - math.Log1p(-tolerance)
	begun := false
	for m := 0.0; m <= good; m++ {
		if p := math.Exp(coin); p >= rare {
			b.means(means, b.canaryFailed+b.stableFailed+m)
			if !begun {
				copy(first, means.means)
				begun = true
			}
			more := false
			for i, mean := range means.means {
				term := p * first[i].over(mean)
				sums[i] += term
				more = more || term > sums[i]*negligible
			}
			if !more && m > good*tolerance {
				break
			}
		} else if m > good*tolerance {
			break
		}
		coin += math.Log((good-m)/(m+1)) + odds
	}
	for i, psi := range psis {
		gains[i] = b.canaryFailed*math.Log(psi) - first[i].log() + math.Log(sums[i])
	}
	return gains
}

// means computes E[ψ^j] for j hypergeometric: the canary's failures when so
// many units failed in all. With r_j = h(j+1)/h(j) it is the ratio of the nested
// products 1 + r_0·ψ·(1 + r_1·ψ·(…)) at ψ and at 1, times ψ to the least j.
func (b *batch) means(n *nested, failed float64) {
	least, most := max(0, failed-b.stable), min(b.canary, failed)
	n.reset()
	for j := most - 1; j >= least; j-- {
		n.wrap((b.canary - j) * (failed - j) / ((j + 1) * (b.stable - failed + j + 1)))
	}
	n.finish(least)
}

// nested are nested products for several odds ratios, and for 1 as the last, in
// floating point that does not overflow.
type nested struct {
	psis   []float64
	values []float64
	units  []float64 // what stands for one, and value for itself, times e^lost
	lost   []float64
	means  []large // the values over the last one, when it is finished
}

// large is a number that may be too large for floating point: value·e^more.
type large struct{ value, more float64 }

func (s large) log() float64 { return math.Log(s.value) + s.more }

// over is s/other.
func (s large) over(other large) float64 {
	quotient := s.value / other.value
	if s.more != other.more { // rarely: logarithms and their inverses are what costs time
		quotient *= math.Exp(s.more - other.more)
	}
	return quotient
}

func newNested(psis []float64) *nested {
	n := len(psis) + 1
	return &nested{
		psis: append(append(make([]float64, 0, n), psis...), 1), values: make([]float64, n),
		units: make([]float64, n), lost: make([]float64, n), means: make([]large, n-1),
	}
}

func (n *nested) reset() {
	for i := range n.values {
		n.values[i], n.units[i], n.lost[i] = 1, 1, 0
	}
}

// wrap makes 1 + r·ψ·(…) of each.
func (n *nested) wrap(r float64) {
	values, units := n.values[:len(n.psis)], n.units[:len(n.psis)] // the compiler sees that they are alike long
	for i, psi := range n.psis {
		v := units[i] + r*psi*values[i]
		if v > 1e200 {
			v *= 1e-200
			units[i] *= 1e-200
			n.lost[i] += 200 * math.Ln10
		}
		values[i] = v
	}
}

func (n *nested) finish(least float64) {
	last := len(n.values) - 1
	for i := range n.means {
		n.means[i] = large{n.values[i] / n.values[last], n.lost[i] - n.lost[last]}
		if least > 0 {
			n.means[i].more += least * math.Log(n.psis[i])
		}
	}
}
