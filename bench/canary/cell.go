package main

import (
	"errors"
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
	short bool // the canary is worse: see run.pace
	// slower says that it harms by being slow, others that the traffic is split or
	// counted by somebody else.
	slower, others bool
	runs           int
	claim          bool // no more than α of them may be rolled back
}

func (c cell) String() string {
	return fmt.Sprintf("%s ×%g at %g/s, %g %%, since %gs", c.name, c.ratio, c.rate, 100*c.base, c.onset)
}

// worst is the error rate of the canary when it is worse.
func (c cell) worst() float64 { return min(c.base*c.ratio, 0.9) }

// tolerated says that the canary is worse by no more than what is allowed.
func (c cell) tolerated() bool { return !c.slower && c.worst() <= c.base+tolerance*(1-c.base) }

// score is that of a rule over the runs of a cell.
type score struct {
	Runs, Rolled, Paused, NotWorse int
	Times                          []float64 // until the rollback, sorted
	Harmed                         []float64
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
				all = append(all, cell{name: s.name, rate: rate, base: base, ratio: 1, begin: s.begin, runs: same, claim: true, others: s.others})
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
			all = append(all, cell{name: s.name, rate: rate, base: plotted, ratio: 1, begin: s.begin, runs: few, others: s.others})
		}
		for _, l := range latencies() {
			all = append(all, cell{
				name: l.name, rate: rate, base: plotted, ratio: 1,
				begin: slower(l.profile), short: true, slower: true, runs: few,
			})
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

// measure releases a cell, on all cores: davit, the other rules at their defaults,
// and all of them tuned, each tool with the best of its settings for this cell.
func (c cell) measure(t tuning, seed uint64) (result, error) {
	t.settings = append(defaults(), t.settings...)
	var mu sync.Mutex
	all := result{cell: c, scores: make([]score, own+len(t.settings))}
	err := c.spread(func(w *world, first, every int) error {
		part, err := c.part(w, t, seed, first, every)
		mu.Lock()
		defer mu.Unlock()
		all.add(part)
		return err
	})
	for i := range all.scores {
		slices.Sort(all.scores[i].Times)
		slices.Sort(all.scores[i].Harmed)
	}
	return all.best(t.settings), err
}

// spread calls part on each core.
func (c cell) spread(part func(w *world, first, every int) error) error {
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() { errs[worker] = part(newWorld(), worker, workers) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// begun is a release of the cell.
func (c cell) begun(w *world, at int, seed uint64) run {
	rng := rand.New(rand.NewPCG(c.seedOf(seed), uint64(at)))
	return run{
		world: w, rng: rng, rate: c.rate, base: c.base, course: c.begin(rng, c.base, c.rate),
		onset: c.onset, short: c.short, slower: c.slower, others: c.others,
	}
}

// compared is how many releases of a cell the other rules look at, for whom nothing
// is claimed.
const compared = 2000

// part is every so manieth run.
func (c cell) part(w *world, t tuning, seed uint64, first, every int) (result, error) {
	res := result{cell: c, scores: make([]score, own+len(t.settings))}
	for at := first; at < c.runs; at += every {
		r := c.begun(w, at, seed)
		if at >= compared {
			t.settings = nil
		}
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

// best leaves davit, the other tools' defaults, davit tuned, and of the tuned settings
// of each other tool the one that does best here: that harms least where the canary is
// worse. Where it is not, the one that does worst is shown, since all of them are to
// keep α.
func (r result) best(settings []setting) result {
	scores := slices.Concat(r.scores[:1], r.scores[own:own+tools], r.scores[1:own])
	for tool := range tools {
		var best score
		for i, s := range settings[tools:] {
			if of := r.scores[own+tools+i]; s.tool == tool && (best.Runs == 0 || r.better(of, best)) {
				best = of
			}
		}
		scores = append(scores, best)
	}
	r.scores = scores
	return r
}

// better compares two settings of a tool.
func (r result) better(a, b score) bool {
	if !r.short {
		return a.Rolled > b.Rolled
	}
	less, found := a.harm()
	than, before := b.harm()
	if found && before {
		return less < than
	}
	return a.Rolled > b.Rolled
}

func (s *score) count(o outcome) {
	s.Runs++
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
		at.Runs += s.Runs
		at.Rolled += s.Rolled
		at.Paused += s.Paused
		at.NotWorse += s.NotWorse
		at.Times = append(at.Times, s.Times...)
		at.Harmed = append(at.Harmed, s.Harmed...)
	}
}

// rate is the share that was rolled back.
func (s score) rate() float64 { return float64(s.Rolled) / float64(s.Runs) }

// median is that over all runs, of which those that were not rolled back count as
// the largest; ok is false when it is one of those.
func (s score) median(sorted []float64) (value float64, ok bool) {
	if i := (s.Runs - 1) / 2; i < len(sorted) {
		return sorted[i], true
	}
	return 0, false
}

// harm is the median number of harmed requests, if half of the releases were found.
func (s score) harm() (float64, bool) { return s.median(s.Harmed) }

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
