package analysis

import "math"

// Kind is a statement about evidence. What is done about it is up to others.
type Kind string

// The kinds. Worse, once reached, stays: its bound is on ever reaching it.
const (
	Worse     Kind = "worse"
	NotWorse  Kind = "not_worse"
	Undecided Kind = "undecided"
)

// Verdict is what the evidence says so far. All numbers are finite.
type Verdict struct {
	Kind        Kind    `json:"kind"`
	E           float64 `json:"e"`            // highest evidence so far that the canary is worse
	LogE        float64 `json:"log_e"`        // the present evidence, as a natural logarithm
	Bound       float64 `json:"bound"`        // 1/α: E at which it is proved
	MirrorE     float64 `json:"mirror_e"`     // present evidence that it is not worse
	MirrorBound float64 `json:"mirror_bound"` // MirrorE at which that is proved
	Canary      Counts  `json:"canary"`       // all units that were scored
	Stable      Counts  `json:"stable"`
	Mover       string  `json:"mover"` // the alternative that has moved E most
	Step        int     `json:"step"`  // since which, from 0
	// Needs is how many more units, of both versions together, a decision takes
	// if things go on as they are; 0 when it is decided.
	Needs int64 `json:"needs"`
}

// largest is what stands for anything beyond it, so that JSON can hold it.
const largest = 1e300

// Verdict says what the cohorts so far amount to.
func (t *Test) Verdict() Verdict {
	mirror := t.notWorse.logE()
	v := Verdict{
		Kind: Undecided,
		E:    finite(t.worst), LogE: t.worse.logE(), Bound: 1 / t.cfg.Alpha,
		MirrorE: finite(mirror), MirrorBound: 1 / NotWorseLevel,
		Canary: t.canary, Stable: t.stable,
	}
	v.Mover, v.Step = t.worse.best()
	switch {
	case t.worst >= -math.Log(t.cfg.Alpha):
		v.Kind = Worse
	case mirror >= -math.Log(NotWorseLevel):
		v.Kind = NotWorse
	default:
		v.Needs = t.needs(mirror)
	}
	return v
}

func finite(logE float64) float64 { return min(math.Exp(min(logE, 700)), largest) }

// needs estimates how many units are missing until the nearer of the two proofs:
// (ln 1/level + ln M − ln E) / KL, where KL is the mean gain of the best
// alternative for one unit under the rates seen so far.
func (t *Test) needs(mirror float64) int64 {
	stable := t.rate()
	canary := stable
	if n := t.canary.Total(); n > 0 {
		canary = (float64(t.canary.Errors()) + 0.5) / (float64(n) + 1)
	}
	weight := t.weight
	if weight == 0 {
		weight = 0.05
	}
	worse := t.outlook(&t.worse, -math.Log(t.cfg.Alpha)-t.worse.logE(), canary, weight)
	notWorse := t.outlook(&t.notWorse, -math.Log(NotWorseLevel)-mirror, canary, weight)
	return min(worse, notWorse)
}

// farthest is the most that Needs ever says.
const farthest = 1_000_000_000

func (t *Test) outlook(p *process, missing, canary, weight float64) int64 {
	raw := t.rate()
	shifted := (1-t.cfg.Tolerance)*raw + t.cfg.Tolerance
	best := 0.0
	for _, a := range p.alternatives {
		f := newFactor(guess{stable: shifted, canary: a.canary(shifted, raw)}, weight, t.cfg.Tolerance)
		gain := weight*((1-canary)*f.canaryGood+canary*f.canaryError) +
			(1-weight)*((1-raw)*f.stableGood+raw*f.stableError)
		best = max(best, gain)
	}
	units := math.Ceil((missing + math.Log(float64(p.steps))) / best)
	if best <= 0 || !(units < farthest) {
		return farthest
	}
	return max(int64(units), 1)
}
