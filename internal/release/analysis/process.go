package analysis

import "math"

// process is a mixture of e-processes: one component for each alternative and
// each step at which it starts afresh. A component is one before its step, so
// that a version that turns bad late is judged by what it does since.
type process struct {
	alternatives []alternative
	steps        int
	logs         []float64 // by alternative, then step
}

// alternative says how the canary's error rate is guessed: from the guess of the
// shifted stable rate (shifted) and that of the stable rate itself (raw).
type alternative struct {
	name   string
	canary func(shifted, raw float64) float64
}

func newProcess(alternatives []alternative, steps int) process {
	return process{
		alternatives: alternatives, steps: steps,
		logs: make([]float64, len(alternatives)*steps),
	}
}

// score multiplies every component that has started by the cohort's factor.
func (p *process) score(c Cohort, raw, tolerance float64) {
	for i, a := range p.alternatives {
		gain := a.factor(raw, c.Weight, tolerance).of(c)
		for step := 0; step <= c.Step; step++ {
			p.logs[i*p.steps+step] += gain
		}
	}
}

// factor is the alternative's factor for a guess of the stable version's rate.
func (a alternative) factor(raw, w, tolerance float64) factor {
	shifted := shift(raw, tolerance)
	return newFactor(guess{stable: shifted, canary: a.canary(shifted, raw)}, w, tolerance)
}

// logE is the log of the mixture, in which all components weigh the same.
func (p *process) logE() float64 {
	highest := math.Inf(-1)
	for _, l := range p.logs {
		highest = max(highest, l)
	}
	sum := 0.0
	for _, l := range p.logs {
		sum += math.Exp(l - highest)
	}
	return highest + math.Log(sum/float64(len(p.logs)))
}

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

// worseAlternatives multiply the odds of the shifted stable version's errors.
func worseAlternatives() []alternative {
	var all []alternative
	for _, a := range []struct {
		name string
		psi  float64
	}{
		{"errors ×1.5", 1.5},
		{"errors ×2", 2},
		{"errors ×3", 3},
		{"errors ×5", 5},
		{"errors ×10", 10},
		{"errors ×30", 30},
		{"errors ×100", 100},
	} {
		all = append(all, alternative{a.name, func(shifted, _ float64) float64 { return odds(shifted, a.psi) }})
	}
	return all
}

// notWorseAlternatives are a canary without any difference, and better ones.
func notWorseAlternatives() []alternative {
	all := []alternative{{"no difference", func(_, raw float64) float64 { return raw }}}
	for _, a := range []struct {
		name string
		psi  float64
	}{{"errors ×1/2", 0.5}, {"errors ×1/5", 0.2}, {"errors ×1/20", 0.05}} {
		all = append(all, alternative{a.name, func(shifted, _ float64) float64 { return odds(shifted, a.psi) }})
	}
	return all
}
