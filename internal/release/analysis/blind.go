package analysis

import "slices"

// blind is the evidence that does not know the split: about errors alone, for a
// canary that is worse and for one that is not. Cohorts make batches; none of
// them goes across a change of step or weight.
type blind struct {
	worse, notWorse hypergeometric
	pending         batch
	step            int
	weight          float64
}

func newBlind(steps int) blind {
	return blind{
		worse:    newHypergeometric(steps, 1.5, 3, 10, 50),
		notWorse: newHypergeometric(steps, 1.0/2, 1.0/8),
	}
}

// add scores the batch that a cohort completes.
func (b *blind) add(c Cohort, tolerance float64) {
	if c.Step != b.step || c.Weight != b.weight {
		b.pending, b.step, b.weight = batch{}, c.Step, c.Weight
	}
	b.pending.add(c)
	if b.pending.units() < batchUnits {
		return
	}
	gains := b.pending.gains(slices.Concat(b.worse.psis, b.notWorse.psis), tolerance)
	b.worse.score(c.Step, gains[:len(b.worse.psis)])
	b.notWorse.score(c.Step, gains[len(b.worse.psis):])
	b.pending = batch{}
}
