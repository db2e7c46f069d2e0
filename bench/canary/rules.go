package main

import (
	"math"
	"slices"

	"github.com/davit-dev/davit/internal/release/others"
)

// The tools that are compared with, in the order of the results.
const (
	flagger = iota
	argo
	kayenta
	tools
)

// setting is a tool's rule with limits of its own and a level: how many checks may
// fail, or how high a statistic may be.
type setting struct {
	tool     int
	tight    bool // slow is what is slower than the live version's own 99th percentile and a tenth
	limits   others.Limits
	increase [2]float64 // of errors and latency, Kayenta's
	level    float64
}

// rule begins a release.
func (s setting) rule() others.Rule {
	switch s.tool {
	case flagger:
		return others.NewFlagger(s.limits, int(s.level)+1)
	case argo:
		return others.NewArgo(s.limits, int(s.level))
	default:
		k := others.NewKayenta(s.level)
		k.ErrorIncrease, k.LatencyIncrease = s.increase[0], s.increase[1]
		return k
	}
}

// reached is what the level of a setting would have been compared with at last.
func reached(rule others.Rule) float64 {
	switch r := rule.(type) {
	case *others.Flagger:
		return float64(r.Failed())
	case *others.Argo:
		return float64(r.Failed())
	case *others.Kayenta:
		return r.Highest()
	}
	return math.NaN()
}

// defaults are the rules as their tools or documentations have them, by tool.
func defaults() []setting {
	return []setting{
		{tool: flagger, limits: others.DefaultLimits(), level: others.FlaggerThreshold - 1},
		{tool: argo, limits: others.DefaultLimits(), level: others.ArgoFailureLimit},
		{tool: kayenta, level: others.KayentaCritical},
	}
}

// never is a level that nothing reaches.
const never = 1e9

// untuned are the settings that get a level for a live version with so many errors:
// limits from what is tolerated to many times that.
func untuned(base float64) []setting {
	var all []setting
	for _, failed := range []float64{1, 1.5, 2, 3, 5, 10, 20, 40} {
		for _, slow := range []float64{1, 1.5, 2, 3, 5, 10, 30} {
			limits := others.Limits{Failed: base + failed*tolerance*(1-base), Slow: slow * 0.01}
			all = append(all,
				setting{tool: flagger, tight: true, limits: limits, level: math.Inf(-1)},
				setting{tool: argo, tight: true, limits: limits, level: math.Inf(-1)})
		}
	}
	for _, times := range []float64{0, 1, 1.5, 3} {
		increase := [2]float64{times * (1 + tolerance*(1-base)/base), times * (1 + latencyTolerance)}
		all = append(all, setting{tool: kayenta, increase: increase, level: math.Inf(-1)})
	}
	return all
}

// tuning is what the rules are set to for one rate and error rate.
type tuning struct {
	davit    float64 // log of the evidence at which it rolls back
	settings []setting
}

// tune finds the lowest levels at which no more than α of the versions that are no
// worse are taken back, in each of the shapes.
func tune(rate, base float64, runs int, seed uint64) (tuning, error) {
	t := tuning{davit: math.Inf(-1), settings: untuned(base)}
	for _, s := range claimed() {
		c := cell{name: s.name, rate: rate, base: base, ratio: 1, begin: s.begin, others: s.others, runs: runs}
		evidence, all, err := c.reached(t.settings, seed)
		if err != nil {
			return t, err
		}
		t.davit = max(t.davit, seldom(evidence))
		for i, highest := range all {
			t.settings[i].level = max(t.settings[i].level, seldom(highest))
		}
	}
	return t, nil
}

// seldom is the lowest level that no more than α of the runs exceed.
func seldom(highest []float64) float64 {
	slices.Sort(highest)
	return highest[len(highest)-1-int(alpha*float64(len(highest)))]
}

// reached is davit's highest evidence in each run, as a logarithm, and for each
// setting what its level would be compared with.
func (c cell) reached(settings []setting, seed uint64) (evidence []float64, all [][]float64, err error) {
	probes := slices.Clone(settings)
	evidence, all = make([]float64, c.runs), make([][]float64, len(settings))
	for i := range settings {
		probes[i].level, all[i] = never, make([]float64, c.runs)
	}
	err = c.spread(func(w *world, first, every int) error {
		for at := first; at < c.runs; at += every {
			r := c.begun(w, at, seed)
			test, err := r.test()
			if err != nil {
				return err
			}
			rules, before := rulesOf(probes), make([]float64, len(probes))
			r.cohorts(func(d drawn) { r.score(test, d) }, func(m minute) {
				for i, rule := range rules {
					before[i] = reached(rule)
					rule.Look(m.of(probes[i]))
				}
			})
			evidence[at] = test.Highest()
			for i, rule := range rules {
				if all[i][at] = reached(rule); probes[i].tool == flagger { // it acts a minute later
					all[i][at] = before[i]
				}
			}
		}
		return nil
	})
	return evidence, all, err
}

func rulesOf(settings []setting) []others.Rule {
	rules := make([]others.Rule, len(settings))
	for i, s := range settings {
		rules[i] = s.rule()
	}
	return rules
}

// of is what a setting looks at of a minute.
func (m minute) of(s setting) others.Minute {
	if s.tight {
		return m.tight
	}
	return m.usual
}

// ownTuned is the place of davit's tuned self among the results; the others' follow.
const ownTuned = 1 + tools

// ruleNames are davit and the others, in the order of the results.
func ruleNames() []string {
	return []string{
		"davit", "Flagger", "Argo Rollouts", "Kayenta",
		"davit, tuned", "Flagger, tuned", "Argo, tuned", "Kayenta, tuned",
	}
}
