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
	Bound       float64 `json:"bound"`        // E at which it is proved: 1 over the level of the form that trusts the split
	MirrorE     float64 `json:"mirror_e"`     // present evidence that it is not worse
	MirrorBound float64 `json:"mirror_bound"` // MirrorE at which that is proved
	Canary      Counts  `json:"canary"`       // all units that were scored
	Stable      Counts  `json:"stable"`
	Mover       string  `json:"mover"` // the alternative with the greatest evidence, "" while none has risen
	Step        int     `json:"step"`  // since which it counts, from 0
	// Split is the evidence that the traffic was split in another way than promised,
	// and SplitBound at which that is proved: then E and MirrorE are those of the form
	// that does not know the split, and what was earned before under the other is gone.
	Split      float64 `json:"split"`
	SplitBound float64 `json:"split_bound"`
	// Needs is how many more units, of both versions together, a decision takes
	// if things go on as they are: 0 when it is decided, a billion when they lead
	// nowhere. It is the smaller of the two below, each of which is about one proof.
	Needs         int64 `json:"needs"`
	NeedsWorse    int64 `json:"needs_worse"`
	NeedsNotWorse int64 `json:"needs_not_worse"`
}

// largest is what stands for anything beyond it, so that JSON can hold it.
const largest = 1e300

// Verdict says what the cohorts so far amount to.
func (t *Test) Verdict() Verdict {
	mirror := t.mirrorLogE()
	v := Verdict{
		E: finite(t.worst), LogE: t.logE(), Bound: min(1/t.level(), largest),
		MirrorE: finite(mirror), MirrorBound: 1 / NotWorseLevel,
		Split: finite(t.split.highest), SplitBound: 1 / splitLevel,
		Canary: t.canary.counted(), Stable: t.stable.counted(),
	}
	v.Mover, v.Step = t.mover()
	if v.Kind = t.Kind(); v.Kind == Undecided {
		v.NeedsWorse, v.NeedsNotWorse = t.needs()
		v.Needs = min(v.NeedsWorse, v.NeedsNotWorse)
	}
	return v
}

// Kind says what Verdict would, and nothing else.
func (t *Test) Kind() Kind {
	switch {
	case t.worst >= -math.Log(t.level()):
		return Worse
	case t.mirrorLogE() >= -math.Log(NotWorseLevel):
		return NotWorse
	default:
		return Undecided
	}
}

// Highest is the log of the highest evidence so far that the canary is worse.
func (t *Test) Highest() float64 { return t.worst }

// mover is the alternative with the greatest evidence.
func (t *Test) mover() (name string, step int) {
	if t.split.noticed {
		return t.blind.worse.best()
	}
	return t.worse.best()
}

func finite(logE float64) float64 { return min(math.Exp(min(logE, 700)), largest) }

// presumed is the weight in the outlook of a test that has not compared anything.
const presumed = 0.05

// farthest is the most that Needs ever says.
const farthest = 1_000_000_000

// needs estimates how many units are missing until each of the two proofs, at
// the shares seen so far.
func (t *Test) needs() (worse, notWorse int64) {
	weight := t.weight
	if weight == 0 {
		weight = presumed
	}
	canary := t.past
	if t.canary.Total() > 0 {
		canary = make(past, t.classes)
		canary.add(t.canary)
	}
	stable, expected := t.past.shares(), canary.shares()
	g := guessing(stable, t.cfg.Tolerance)
	outlook := func(p *process, level float64) int64 {
		if t.split.noticed { // as if from the beginning: batches tell less than units do
			fresh := newProcess(p.alternatives, p.steps)
			p = &fresh
		}
		return p.outlook(t.step, -math.Log(level), func(a alternative) float64 {
			return g.bet(a, t.classes).mean(weight, expected, stable)
		})
	}
	return outlook(&t.worse, t.level()), outlook(&t.notWorse, NotWorseLevel)
}

// outlook is (ln 1/level − ln π_j − ln E_j)/KL_j of the component j that gets
// there first, among those that have started: alone it lifts the mixture, in
// which its weight is π_j, over the bound. KL_j is its mean gain for one unit.
func (p *process) outlook(step int, bound float64, gain func(alternative) float64) int64 {
	fewest := float64(farthest)
	for i, a := range p.alternatives {
		kl := gain(a)
		if kl <= 0 {
			continue
		}
		most := math.Inf(-1)
		for j := i * p.steps; j <= i*p.steps+step; j++ {
			most = max(most, p.logs[j]+math.Log(p.prior(j)))
		}
		fewest = min(fewest, math.Ceil((bound-most)/kl))
	}
	return max(int64(fewest), 1)
}
