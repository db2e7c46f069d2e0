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

// start is the share of an alternative's weight that is put on its start with a step:
// half on the first, the other half on the later ones.
func (p *process) start(step int) float64 {
	switch {
	case p.steps == 1:
		return 1
	case step == 0:
		return 0.5
	default:
		return 0.5 / float64(p.steps-1)
	}
}

// score multiplies every component that has started by the cohort's factor.
func (p *process) score(c Cohort, g guess) {
	p.started = max(p.started, c.Step+1)
	for i, a := range p.alternatives {
		gained := g.bet(a, len(c.Canary.Units)).gain(c)
		for step := 0; step <= c.Step; step++ {
			p.logs[i*p.steps+step] += gained
		}
	}
}

// prior is the weight of a component in the mixture.
func (p *process) prior(component int) float64 {
	return p.alternatives[component/p.steps].weight * p.start(component%p.steps)
}

// logE is the log of the mixture, when each component owes what another split
// since its step would explain as well. Nothing is owed for steps without units.
func (p *process) logE(owed debts) float64 {
	highest, ahead := p.highest(owed), 0.0
	for step := p.started; step < p.steps; step++ {
		ahead += p.start(step)
	}
	if ahead > 0 {
		ahead *= math.Exp(-highest)
	}
	sum := 0.0
	for i, a := range p.alternatives {
		of := ahead
		for step, l := range p.logs[i*p.steps:][:p.started] {
			if below := l - owed.since(step) - highest; below > nothing {
				of += p.start(step) * math.Exp(below)
			}
		}
		sum += a.weight * of
	}
	return highest + math.Log(sum)
}

// highest is that of the components, which the mixture does not exceed.
func (p *process) highest(owed debts) float64 {
	highest := math.Inf(-1)
	if p.started < p.steps {
		highest = 0
	}
	for of := range slices.Chunk(p.logs, p.steps) {
		for step, l := range of[:p.started] {
			highest = max(highest, l-owed.since(step))
		}
	}
	return highest
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
