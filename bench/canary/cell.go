package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/davit-dev/davit/internal/release/others"
)

// cell is a situation that is released many times.
type cell struct {
	name  string // of the shape, or of what is worse
	rate  float64
	base  float64
	onset float64
	ratio float64 // of error rates; 1 for the same version
	begin func(rng *rand.Rand, base, rate float64) course
	short bool // see run.pace
	runs  int
	claim bool // no more than α of them may be rolled back
}

func (c cell) String() string {
	return fmt.Sprintf("%s ×%g at %g/s, %g %%, since %gs", c.name, c.ratio, c.rate, 100*c.base, c.onset)
}

// score is that of a rule over the runs of a cell.
type score struct {
	Rolled, Paused, NotWorse int
	Times                    []float64 // until the rollback, sorted
	Harmed                   []float64
}

// result is a cell with what the rules did, davit first.
type result struct {
	cell
	scores  []score
	noticed int // another split, by davit
}

// rates and bases span the grid.
func rates() []float64 { return []float64{0.5, 2, 20, 200} }
func bases() []float64 { return []float64{0.0005, 0.005, 0.02} }

// plan lists the cells: same versions in so many runs, worse ones in fewer.
func plan(same, few int) []cell {
	var all []cell
	for _, rate := range rates() {
		for _, base := range bases() {
			for _, s := range claimed() {
				all = append(all, cell{name: s.name, rate: rate, base: base, ratio: 1, begin: s.begin, runs: same, claim: true})
			}
			for _, onset := range []float64{0, duration / 2} {
				for _, ratio := range ratios() {
					all = append(all, cell{
						name: "errors", rate: rate, base: base, onset: onset, ratio: ratio,
						begin: worse(ratio, onset), short: true, runs: few,
					})
				}
			}
		}
		for _, s := range unclaimed() {
			all = append(all, cell{name: s.name, rate: rate, base: plotted, ratio: 1, begin: s.begin, runs: few})
		}
		for _, l := range latencies() {
			all = append(all, cell{name: l.name, rate: rate, base: plotted, ratio: 1, begin: slower(l.profile), short: true, runs: few})
		}
	}
	return all
}

// plotted is the error rate of what is shown at one only.
const plotted = 0.005

func ratios() []float64 { return []float64{1.5, 2, 4, 10, 100} }

// slowness is a way of being slower.
type slowness struct {
	name string
	profile
}

func latencies() []slowness {
	return []slowness{
		{"latency ×1.3", profile{more: 0.3}},
		{"latency ×2", profile{more: 1}},
		{"2 % take ten times as long", profile{tail: 0.02}},
	}
}

// seedOf makes the runs of a cell the same ones whatever else is run.
func (c cell) seedOf(seed uint64) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, c.String())
	return h.Sum64() ^ seed
}

// measure releases a cell, on all cores.
func (c cell) measure(t tuning, seed uint64) (result, error) {
	workers := runtime.GOMAXPROCS(0)
	parts := make([]result, workers)
	errs := make([]error, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			parts[worker], errs[worker] = c.part(t, seed, worker, workers)
		})
	}
	group.Wait()
	all := parts[0]
	for i, part := range parts {
		if errs[i] != nil {
			return all, errs[i]
		}
		if i > 0 {
			all.add(part)
		}
	}
	for i := range all.scores {
		slices.Sort(all.scores[i].Times)
		slices.Sort(all.scores[i].Harmed)
	}
	return all, nil
}

// part is every so manieth run.
func (c cell) part(t tuning, seed uint64, first, every int) (result, error) {
	res := result{cell: c, scores: make([]score, len(ruleNames()))}
	w := newWorld()
	for i := first; i < c.runs; i += every {
		rng := rand.New(rand.NewPCG(c.seedOf(seed), uint64(i)))
		r := run{world: w, rng: rng, rate: c.rate, base: c.base, course: c.begin(rng, c.base, c.rate), onset: c.onset, short: c.short}
		outcomes, noticed, err := r.judge(t)
		if err != nil {
			return res, err
		}
		if noticed {
			res.noticed++
		}
		for i, o := range outcomes {
			res.scores[i].count(o)
		}
	}
	return res, nil
}

func (s *score) count(o outcome) {
	switch o.action {
	case others.RollBack:
		s.Rolled++
		s.Times = append(s.Times, o.at)
		s.Harmed = append(s.Harmed, float64(o.harmed))
	case others.Pause:
		s.Paused++
	case notWorse:
		s.NotWorse++
	case others.Go:
	}
}

func (r *result) add(other result) {
	r.noticed += other.noticed
	for i, s := range other.scores {
		at := &r.scores[i]
		at.Rolled += s.Rolled
		at.Paused += s.Paused
		at.NotWorse += s.NotWorse
		at.Times = append(at.Times, s.Times...)
		at.Harmed = append(at.Harmed, s.Harmed...)
	}
}

// middle is the median over all runs, of which those that were not rolled back
// count as the largest; ok is false when it is one of those.
func middle(sorted []float64, runs int) (value float64, ok bool) {
	if i := (runs - 1) / 2; i < len(sorted) {
		return sorted[i], true
	}
	return 0, false
}

// breaches are the cells in which the bound is claimed and not kept.
func breaches(results []result) []result {
	var all []result
	for _, r := range results {
		if r.claim && upper(r.scores[0].Rolled, r.runs) > alpha {
			all = append(all, r)
		}
	}
	return all
}
