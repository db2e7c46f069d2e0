package analysis

import (
	"math"
	"slices"
)

// process is a mixture of e-processes: one component for each alternative and
// each step at which it starts afresh. A component is one before its step, so
// that a version that turns bad late is judged by what it does since.
type process struct {
	alternatives []alternative
	steps        int
	started      int       // steps that have units
	logs         []float64 // by alternative, then step
}

func newProcess(alternatives []alternative, steps int) process {
	return process{
		alternatives: alternatives, steps: steps,
		logs: make([]float64, len(alternatives)*steps),
	}
}

// score multiplies every component that has started by the cohort's factor.
func (p *process) score(c Cohort, g guess, tolerance float64) {
	p.started = max(p.started, c.Step+1)
	for i, a := range p.alternatives {
		gained := gain(c, g.told(a, len(c.Canary.Units)), tolerance)
		for step := 0; step <= c.Step; step++ {
			p.logs[i*p.steps+step] += gained
		}
	}
}

// prior is the weight of a component in the mixture: the steps of an alternative
// share its own.
func (p *process) prior(component int) float64 {
	return p.alternatives[component/p.steps].weight / float64(p.steps)
}

// logE is the log of the mixture, when each component owes what another split
// since its step would explain as well. Nothing is owed for steps without units.
func (p *process) logE(owed []float64) float64 {
	highest, ahead := math.Inf(-1), float64(p.steps-p.started)
	if ahead > 0 {
		highest = 0
	}
	for of := range slices.Chunk(p.logs, p.steps) {
		for step, l := range of[:p.started] {
			highest = max(highest, l-owed[step])
		}
	}
	if ahead > 0 {
		ahead *= math.Exp(-highest)
	}
	sum := 0.0
	for i, a := range p.alternatives {
		of := ahead
		for step, l := range p.logs[i*p.steps:][:p.started] {
			if below := l - owed[step] - highest; below > nothing {
				of += math.Exp(below)
			}
		}
		sum += a.weight / float64(p.steps) * of
	}
	return highest + math.Log(sum)
}

// nothing is the log of a share of the whole that floating point does not see.
const nothing = -45

// best is the component with the greatest evidence, "" if none has risen above
// its start. So it has seen units: one whose step is yet to come stands at zero.
func (p *process) best() (name string, step int) {
	highest := 0.0
	for i, l := range p.logs {
		if l > highest {
			highest, name, step = l, p.alternatives[i/p.steps].name, i%p.steps
		}
	}
	return name, step
}
