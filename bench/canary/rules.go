package main

import (
	"math/rand/v2"
	"slices"

	"github.com/davit-dev/davit/internal/release/others"
)

// tuning is how the other tools' rules have to be set so that they take back about
// α of the releases of the same version at one rate and one error rate, when
// requests are independent: their thresholds where davit's tolerance is, and their
// counts as high as needed.
type tuning struct {
	limits   others.Limits
	failures int // Flagger: threshold; Argo Rollouts: failureLimit + 1
	critical float64
}

// tuned finds the least settings by simulation.
func tuned(w *world, base, rate float64, runs int, seed uint64) tuning {
	t := tuning{limits: others.Limits{Failed: base + tolerance*(1-base), Slow: 0.01}}
	var failures []int
	var highest []float64
	for i := range runs {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		r := run{world: w, rng: rng, rate: rate, base: base, course: always(func(*moment, float64) {})(rng, base, rate)}
		argo, kayenta := others.NewArgo(t.limits, duration), others.NewKayenta(never)
		r.minutes(func(m minute) {
			argo.Look(m.tight)
			kayenta.Look(m.usual)
		})
		failures, highest = append(failures, argo.Failed()), append(highest, kayenta.Highest())
	}
	slices.Sort(failures)
	slices.Sort(highest)
	last := runs - 1 - int(alpha*float64(runs))
	t.failures, t.critical = failures[last]+1, highest[last]
	return t
}

// never is a critical value that nothing reaches.
const never = 1e9

// ruler is a rule and which minutes it looks at.
type ruler struct {
	name  string
	rule  others.Rule
	tight bool
}

// rulers returns the rules for one release, at their defaults and tuned.
func (t tuning) rulers() []ruler {
	defaults := others.DefaultLimits()
	return []ruler{
		{"Flagger", others.NewFlagger(defaults, others.FlaggerThreshold), false},
		{"Argo Rollouts", others.NewArgo(defaults, others.ArgoFailureLimit), false},
		{"Kayenta", others.NewKayenta(others.KayentaCritical), false},
		{"Flagger, tuned", others.NewFlagger(t.limits, t.failures), true},
		{"Argo, tuned", others.NewArgo(t.limits, t.failures-1), true},
		{"Kayenta, tuned", others.NewKayenta(t.critical), false},
	}
}

// ruleNames are davit and the others, in the order of the results.
func ruleNames() []string {
	names := []string{"davit"}
	for _, r := range (tuning{}).rulers() {
		names = append(names, r.name)
	}
	return names
}
