package analysis

import (
	"fmt"
	"math"
	"slices"
)

// hypergeometric is evidence about errors that does not know with which
// probability a unit went to the canary. It compares whole batches: given how
// many units each version had and how many of all failed, the canary's share of
// the failures has a known distribution if the versions are alike. DESIGN.md
// derives it. Each step has a process of its own, by step, then by psi.
type hypergeometric struct {
	psis []float64 // odds ratios of the alternatives, which weigh the same
	logs []float64
	sums []float64 // by step, as logs
}

func newHypergeometric(steps int, psis ...float64) hypergeometric {
	h := hypergeometric{psis: psis, logs: make([]float64, steps*len(psis)), sums: make([]float64, steps)}
	for step := range steps {
		h.sums[step] = math.Log(float64(len(psis)))
	}
	return h
}

// score takes what the next batch of a step gains, by psi.
func (h *hypergeometric) score(step int, gains []float64) {
	sum := math.Inf(-1)
	for i, gain := range gains {
		at := &h.logs[step*len(h.psis)+i]
		*at += gain
		sum = addLog(sum, *at)
	}
	h.sums[step] = sum
}

// logE is the log of the evidence in the best step, which has its share of the
// level: the steps are not added up, since a step may have ended in the middle of
// a batch for reasons that lie in the batch.
func (h *hypergeometric) logE() float64 {
	return slices.Max(h.sums) - math.Log(float64(len(h.logs)))
}

// addLog is ln(e^a + e^b).
func addLog(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// best is the alternative with the greatest evidence and its step, "" if none has
// risen above its start.
func (h *hypergeometric) best() (name string, step int) {
	highest := 0.0
	for i, l := range h.logs {
		if l > highest {
			highest, name, step = l, fmt.Sprintf("errors ×%v, whatever the split", h.psis[i%len(h.psis)]), i/len(h.psis)
		}
	}
	return name, step
}
