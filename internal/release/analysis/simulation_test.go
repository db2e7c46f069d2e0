package analysis_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// release simulates one release of n cohorts, a quarter second each, and returns
// the cohort at which it was found worse, -1 if never. Rate gives the two error
// rates at a cohort.
func release(tb testing.TB, rng *rand.Rand, n, units int, rate func(i int) (pb, pc float64)) (at int, harmed int64) {
	tb.Helper()
	test := newTest(tb, tolerance)
	for i := range n {
		pb, pc := rate(i)
		c := draw(rng, i*len(steps)/n, units, pb, pc)
		test.Score(c)
		harmed += c.Canary.Errors()
		if test.Verdict().Kind == analysis.Worse {
			return i, harmed
		}
	}
	return -1, harmed
}

// atMost fails when so many events of n are incredible (probability below 1e-6)
// if each has probability p: the exact binomial tail, the core of a
// Clopper-Pearson bound.
func atMost(t *testing.T, what string, events, n int, p float64) {
	t.Helper()
	logChoose := func(k int) float64 {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(k + 1))
		c, _ := math.Lgamma(float64(n - k + 1))
		return a - b - c
	}
	tail := 0.0
	for k := events; k <= n; k++ {
		tail += math.Exp(logChoose(k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
	t.Logf("%s: %d of %d", what, events, n)
	if tail < 1e-6 {
		t.Errorf("%s: %d of %d cannot be at a rate of %v", what, events, n, p)
	}
}

// TestFalseRollbacks releases the same version again and again, under steady,
// drifting and shared troubles.
func TestFalseRollbacks(t *testing.T) {
	shapes := map[string]func(base float64) func(i int) (float64, float64){
		"steady": func(base float64) func(int) (float64, float64) {
			return func(int) (float64, float64) { return base, base }
		},
		"shared incident": func(base float64) func(int) (float64, float64) {
			return func(i int) (float64, float64) {
				if i > 100 && i < 160 {
					return min(1, base+0.4), min(1, base+0.4)
				}
				return base, base
			}
		},
		"drift": func(base float64) func(int) (float64, float64) {
			return func(i int) (float64, float64) {
				p := min(1, base*(1+2*math.Sin(float64(i)/40)*math.Sin(float64(i)/40)))
				return p, p
			}
		},
		"worse by less than the tolerance": func(base float64) func(int) (float64, float64) {
			return func(int) (float64, float64) { return base, base + tolerance*0.09 }
		},
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for name, shape := range shapes {
		rolledBack, runs := 0, 0
		for _, base := range []float64{0.0005, 0.005, 0.02, 0.2} {
			for range 150 {
				if at, _ := release(t, rng, 250, 20, shape(base)); at >= 0 {
					rolledBack++
				}
				runs++
			}
		}
		atMost(t, name, rolledBack, runs, alpha)
	}
}

func TestABadVersionIsFoundSoon(t *testing.T) {
	for _, test := range []struct {
		pc       float64
		cohorts  int // of a quarter second, at 20 requests a second
		harmed   int64
		fraction float64
	}{
		{0.5, 4 * 1200, 5, 1}, {0.05, 4 * 1200, 60, 0.98},
	} {
		rng := rand.New(rand.NewPCG(6, 6))
		var harmed []int64
		found := 0
		const runs = 60
		for range runs {
			at, failed := release(t, rng, test.cohorts, 5, func(int) (float64, float64) { return 0.005, test.pc })
			if at >= 0 {
				found++
			}
			harmed = append(harmed, failed)
		}
		slices.Sort(harmed)
		t.Logf("%.1f %%: found %d of %d, median of harmed requests %d", 100*test.pc, found, runs, harmed[runs/2])
		if harmed[runs/2] > test.harmed || float64(found) < test.fraction*runs {
			t.Errorf("found %d of %d after %d harmed requests", found, runs, harmed[runs/2])
		}
	}
}

func TestNotWorseIsProvedAndSeldomWrongly(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	proved, wrong := 0, 0
	const runs = 300
	for range runs {
		equal, worse := newTest(t, tolerance), newTest(t, tolerance)
		everWrong := false
		for range 200 {
			equal.Score(draw(rng, 3, 20, 0.005, 0.005))
			worse.Score(draw(rng, 3, 20, 0.005, 0.016))
			everWrong = everWrong || worse.Verdict().Kind == analysis.NotWorse
		}
		if equal.Verdict().Kind == analysis.NotWorse {
			proved++
		}
		if everWrong {
			wrong++
		}
	}
	t.Logf("equal: proved %d of %d", proved, runs)
	if proved < runs*8/10 {
		t.Errorf("proved for %d of %d equal versions", proved, runs)
	}
	atMost(t, "proved for a worse version", wrong, runs, analysis.NotWorseLevel)
}

// TestOrderOfClaims is the trap of slow failures: both versions fail at the same
// rate, the canary at once, the stable version a hundred cohorts later. In the
// order of claims nothing is found; in the order of completions it is.
func TestOrderOfClaims(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	const runs, delay = 60, 100
	inClaims, inCompletions := 0, 0
	for range runs {
		claims, completions := newTest(t, tolerance), newTest(t, tolerance)
		worseByClaims, worseByCompletions := false, false
		var late []int64
		for i := range 200 {
			c := draw(rng, 3, 40, 0.1, 0.1)
			claims.Score(c)
			late = append(late, c.Stable.Errors())
			c.Stable = counts(c.Stable.Units[0], 0)
			if i >= delay {
				c.Stable.Units[1] = late[i-delay]
			}
			completions.Score(c)
			worseByClaims = worseByClaims || claims.Verdict().Kind == analysis.Worse
			worseByCompletions = worseByCompletions || completions.Verdict().Kind == analysis.Worse
		}
		if worseByClaims {
			inClaims++
		}
		if worseByCompletions {
			inCompletions++
		}
	}
	atMost(t, "in the order of claims", inClaims, runs, alpha)
	if inCompletions < runs/2 {
		t.Errorf("in the order of completions only %d of %d were found worse: the trap does not snap", inCompletions, runs)
	}
}

func TestNeedsFallsAsEvidenceGrows(t *testing.T) {
	test := newTest(t, tolerance)
	before := test.Verdict().Needs
	if before <= 0 {
		t.Fatalf("with nothing scored it needs %d", before)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for range 40 {
		test.Score(draw(rng, 3, 20, 0, 0))
	}
	if after := test.Verdict(); after.Kind == analysis.Undecided && after.Needs >= before {
		t.Errorf("before %d, after 800 good units %d", before, after.Needs)
	}
}
