package main

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// sample is a small cell.
func sample(name string, begin func(*rand.Rand, float64, float64) course, runs int) cell {
	return cell{name: name, rate: 20, base: 0.005, ratio: 1, begin: begin, runs: runs}
}

// TestARunCanBeRepeated: the same seed gives the same results, and in pieces the
// same as in one, however many cores there are.
func TestARunCanBeRepeated(t *testing.T) {
	c := sample("errors", worse(10, 0), 12)
	whole, err := c.part(newWorld(), tuning{settings: defaults()}, 7, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	even, _ := c.part(newWorld(), tuning{settings: defaults()}, 7, 0, 2)
	odd, _ := c.part(newWorld(), tuning{settings: defaults()}, 7, 1, 2)
	even.add(odd)
	other, _ := c.part(newWorld(), tuning{settings: defaults()}, 8, 0, 1)
	sum := func(r result) (all []float64) {
		for _, s := range r.scores {
			total := 0.0
			for i := range s.Times {
				total += s.Times[i] + 1e-3*s.Harmed[i]
			}
			all = append(all, math.Round(1e6*total), float64(s.Rolled))
		}
		return all
	}
	if !reflect.DeepEqual(sum(whole), sum(even)) {
		t.Errorf("in one %v, in two %v", sum(whole), sum(even))
	}
	if reflect.DeepEqual(sum(whole), sum(other)) {
		t.Error("another seed gives the same")
	}
}

// TestShapes holds the means of what every shape draws against what is asked for:
// requests, the canary's share, and error rates.
func TestShapes(t *testing.T) {
	const base, rate, runs = 0.02, 20, 60
	for _, s := range append(claimed(), unclaimed()...) {
		rng := rand.New(rand.NewPCG(3, 3))
		w := newWorld()
		var canary, stable tally
		promised := 0.0
		for range runs {
			r := run{world: w, rng: rng, rate: rate, base: base, course: s.begin(rng, base, rate)}
			r.cohorts(func(d drawn) {
				canary.add(d.canary)
				stable.add(d.stable)
				promised += d.Weight * float64(d.canary.units+d.stable.units)
			}, func(minute) {})
		}
		within := func(what string, got, want, share float64) {
			t.Helper()
			if math.Abs(got-want) > share*want {
				t.Errorf("%s: %s is %v, want %v", s.name, what, got, want)
			}
		}
		if s.name != "bursty" {
			within("the traffic", float64(canary.units+stable.units), runs*rate*duration, 0.02)
		}
		if s.name != "wrong w" {
			within("the split", float64(canary.units)/promised, 1, 0.05)
		}
		pc, pb := float64(canary.failed)/float64(canary.units), float64(stable.failed)/float64(stable.units)
		switch s.name {
		case "just tolerated":
			within("the canary's rate", pc, base+tolerance*(1-base), 0.05)
		case "shared incident", "bursty", "diurnal", "wandering w":
			if pb < base/2 || pc < base/2 {
				t.Errorf("%s: rates %v and %v", s.name, pc, pb)
			}
		default:
			within("the canary's rate", pc, base, 0.2)
			within("the live version's rate", pb, base, 0.2)
		}
	}
}

// TestClasses holds shares and means of the latency classes against draws.
func TestClasses(t *testing.T) {
	w := newWorld()
	for i, want := range []float64{0.5, 0.25, 0.15, 0.05, 0.04, 0.008, 0.002} {
		if got := newClasses(w.cuts, profile{}).shares[i]; math.Abs(got-want) > 0.02 {
			t.Errorf("class %d has %v, want about %v", i, got, want)
		}
	}
	rng := rand.New(rand.NewPCG(5, 5))
	p := profile{more: 0.3, tail: 0.02}
	c := newClasses(w.tolerated, p)
	const draws = 400_000
	sum, counts, slow := 0.0, make([]float64, len(c.shares)), 0.0
	for range draws {
		x := median * (1 + p.more) * math.Exp(spread*rng.NormFloat64())
		if rng.Float64() < p.tail {
			x *= 10
		}
		class := 0
		for class < len(w.tolerated) && x > w.tolerated[class] {
			class++
		}
		counts[class]++
		sum += x
		if x > slowLimit {
			slow++
		}
	}
	mean := 0.0
	for i, share := range c.shares {
		mean += share * c.means[i]
		if math.Abs(counts[i]/draws-share) > 0.005 {
			t.Errorf("class %d has %v, want %v", i, counts[i]/draws, share)
		}
	}
	if last := len(c.shares) - 1; math.Abs(slow/draws-c.slow*c.shares[last]) > 0.001 {
		t.Errorf("beyond the limit are %v, want %v", slow/draws, c.slow*c.shares[last])
	}
	if math.Abs(sum/draws-mean) > 0.01*mean {
		t.Errorf("the mean is %v, want %v", sum/draws, mean)
	}
}

// TestTuned: with the lowest levels that suffice in every shape, about α is rolled
// back in each, and what fails a hundred times as often is found.
func TestTuned(t *testing.T) {
	tuned, err := tune(20, 0.005, 400, 1)
	if err != nil {
		t.Fatal(err)
	}
	if bound := -math.Log(0.9 * alpha); tuned.davit >= bound {
		t.Errorf("davit's level is %v, beyond its bound %v", tuned.davit, bound)
	}
	highest := make([]int, len(ruleNames()))
	for _, s := range claimed() {
		c := sample(s.name, s.begin, 400)
		c.others = s.others
		r, err := c.measure(tuned, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i, score := range r.scores {
			highest[i] = max(highest[i], score.Rolled)
			if i >= ownTuned && lower(score.Rolled, score.Runs) > 2.5*alpha {
				t.Errorf("%s: %s rolls back %d of %d", s.name, ruleNames()[i], score.Rolled, score.Runs)
			}
		}
	}
	bad := sample("errors", worse(100, 0), 40)
	bad.short = true
	r, err := bad.measure(tuned, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, score := range r.scores {
		if _, found := score.median(score.Harmed); !found || i >= ownTuned && highest[i] == 0 {
			t.Errorf("%s: %d of %d, and at most %d where it is no worse", ruleNames()[i], score.Rolled, score.Runs, highest[i])
		}
	}
}

// TestTheBestSettingCounts: that which harms least, and one that finds half of the
// versions before one that does not. Of versions that are no worse, the worst counts.
func TestTheBestSettingCounts(t *testing.T) {
	found := func(harmed ...float64) score {
		return score{Runs: 4, Rolled: len(harmed), Times: harmed, Harmed: harmed}
	}
	settings := append(defaults(), setting{tool: flagger}, setting{tool: argo}, setting{tool: flagger}, setting{tool: flagger})
	r := result{cell: cell{runs: 4, short: true}, scores: []score{
		found(1), found(0), found(2), found(3), found(4), found(9, 9, 9), found(8), found(7, 7, 7), found(5),
	}}
	got := r.best(settings).scores
	if len(got) != len(ruleNames()) || got[1].Harmed[0] != 2 || got[ownTuned].Harmed[0] != 0 ||
		got[ownTuned+1].Harmed[0] != 7 || got[ownTuned+2].Harmed[0] != 8 {
		t.Errorf("got %+v", got)
	}
	r.short = false
	if got := r.best(settings).scores; got[ownTuned+1].Harmed[0] != 9 {
		t.Errorf("of versions that are no worse: got %+v", got)
	}
}

// TestTheBenchCanFail: a version that is worse counts as a breach when it is said to
// be the same, and a small number of runs proves nothing.
func TestTheBenchCanFail(t *testing.T) {
	bad := sample("errors", worse(20, 0), 40)
	bad.claim = true
	r, err := bad.measure(tuning{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	good := r
	good.runs, good.scores = 1000, []score{{Runs: 1000}}
	few := good
	few.runs = 100
	if got := breaches([]result{r, good, few}); len(got) != 2 {
		t.Errorf("%d breaches, want those of the worse version and of too few runs", len(got))
	}
	if at, ok := (score{Runs: 5}).median([]float64{1, 2, 3}); !ok || at != 3 {
		t.Errorf("the median is %v, %v", at, ok)
	}
	if _, ok := (score{Runs: 5}).median([]float64{1, 2}); ok {
		t.Error("less than half has a median")
	}
}
