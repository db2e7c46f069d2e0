package analysis_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// TestEqualIsProvedNotWorse: it takes about (ln 20 + ln M)/KL units, where KL is
// the mean gain of the best alternative at the true rates.
func TestEqualIsProvedNotWorse(t *testing.T) {
	t.Parallel()
	const rate, runs, most = 0.005, 301, 6000
	_, notWorse := analysis.NextFactors(t, prior(rate), 0.5, tolerance)
	kl := 0.0
	for _, f := range notWorse {
		kl = max(kl, 0.5*((1-rate)*math.Log(f.CanaryGood)+rate*math.Log(f.CanaryError))+
			0.5*((1-rate)*math.Log(f.StableGood)+rate*math.Log(f.StableError)))
	}
	want := (math.Log(1/analysis.NotWorseLevel) + math.Log(float64(len(notWorse)))) / kl
	rng := rand.New(rand.NewPCG(9, 9))
	var took []float64
	for range runs {
		test := newTest(t, analysis.Config{Steps: 1, Tolerance: tolerance, Prior: prior(rate)})
		units := 0
		for test.Verdict().Kind != analysis.NotWorse && units < most {
			c := draw(rng, cell{3, 5, rate, rate})
			c.Step = 0
			test.Score(c)
			units += 5
		}
		took = append(took, float64(units))
	}
	slices.Sort(took)
	t.Logf("median %v units, expected about %.0f", took[runs/2], want)
	if ratio := took[runs/2] / want; ratio < 0.5 || ratio > 1.5 {
		t.Errorf("median %v units, expected about %.0f", took[runs/2], want)
	}
}

// TestWorseIsSeldomProvedNotWorse: a canary just beyond the tolerance is ever
// called not worse in at most 5 % of the releases, though every cohort is looked
// at. Without the tolerance in the canary's rate the proof is common.
func TestWorseIsSeldomProvedNotWorse(t *testing.T) {
	t.Parallel()
	const runs, cohorts = 600, 100
	wrongly := func(rate, pc float64) (n int) {
		rng := rand.New(rand.NewPCG(10, 10))
		for range runs {
			test := newTest(t, analysis.Config{Steps: 1, Tolerance: tolerance, Prior: prior(rate)})
			for range cohorts {
				c := draw(rng, cell{3, 20, rate, pc})
				c.Step = 0
				test.Score(c)
				if test.Verdict().Kind == analysis.NotWorse {
					n++
					break
				}
			}
		}
		return n
	}
	for _, rate := range []float64{0.0005, 0.005, 0.02, 0.2} {
		wrong := wrongly(rate, shifted(rate, tolerance)+1e-4)
		t.Logf("at %v: %d of %d", rate, wrong, runs)
		atMost(t, wrong, runs, analysis.NotWorseLevel)
	}
	if right := wrongly(0.005, 0.005); binomialTail(right, runs, analysis.NotWorseLevel) >= 1e-6 {
		t.Errorf("only %d of %d equal versions were proved", right, runs)
	}
}

// TestNotWorseFollowsTheEvidence: it is about the present E', so a canary that
// turns bad loses it, and may then be found worse.
func TestNotWorseFollowsTheEvidence(t *testing.T) {
	test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(0.005)})
	var kinds []analysis.Kind
	score := func(c analysis.Cohort) {
		test.Score(c)
		if k := test.Verdict().Kind; len(kinds) == 0 || kinds[len(kinds)-1] != k {
			kinds = append(kinds, k)
		}
	}
	for range 100 {
		score(analysis.Cohort{Step: 3, Weight: 0.5, Canary: counts(10, 0), Stable: counts(10, 0)})
	}
	for range 60 {
		score(analysis.Cohort{Step: 4, Weight: 0.5, Canary: counts(9, 1), Stable: counts(10, 0)})
	}
	want := []analysis.Kind{analysis.Undecided, analysis.NotWorse, analysis.Undecided, analysis.Worse}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

// TestEqualityIsNoProofWithoutTolerance: where any difference counts, equal
// counts prove nothing, and no number of units would.
func TestEqualityIsNoProofWithoutTolerance(t *testing.T) {
	test := newTest(t, analysis.Config{Prior: prior(0.1)})
	for range 500 {
		test.Score(analysis.Cohort{Weight: 0.5, Canary: counts(9, 1), Stable: counts(9, 1)})
	}
	if v := test.Verdict(); v.Kind != analysis.Undecided || v.Needs < 100_000 {
		t.Errorf("got %+v", v)
	}
}

// TestNeedsOfNothingSeen: with no evidence the formula has only its known parts.
func TestNeedsOfNothingSeen(t *testing.T) {
	const w, rate = 0.05, (10 + 0.5) / (2000 + 1)
	_, notWorse := analysis.NextFactors(t, counts(1990, 10), w, tolerance)
	kl := 0.0
	for _, f := range notWorse {
		kl = max(kl, w*((1-rate)*math.Log(f.CanaryGood)+rate*math.Log(f.CanaryError))+
			(1-w)*((1-rate)*math.Log(f.StableGood)+rate*math.Log(f.StableError)))
	}
	want := math.Ceil((math.Log(20) + math.Log(float64(2*len(notWorse)))) / kl) // half of a start's weight is on the first step
	v := newTest(t, analysis.Config{Tolerance: tolerance, Prior: counts(1990, 10)}).Verdict()
	if math.Abs(float64(v.Needs)-want) > 1 {
		t.Errorf("needs %d, want %v", v.Needs, want)
	}
}

// TestNeedsIsAboutRight: fed with the expected counts, the test is decided after
// about as many units as it said.
func TestNeedsIsAboutRight(t *testing.T) {
	for name, next := range map[string]analysis.Cohort{
		"equal": {Weight: 0.5, Canary: counts(199, 1), Stable: counts(199, 1)},
		"worse": {Weight: 0.5, Canary: counts(9, 1), Stable: counts(10, 0)},
	} {
		test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(0.005)})
		test.Score(next)
		first := test.Verdict()
		units := int64(0)
		for v := first; v.Kind == analysis.Undecided && units < 1_000_000; v = test.Verdict() {
			if v.Needs <= 0 {
				t.Fatalf("%s: undecided, and needs %d", name, v.Needs)
			}
			test.Score(next)
			units += next.Canary.Total() + next.Stable.Total()
		}
		t.Logf("%s: needed %d, said %d", name, units, first.Needs)
		if ratio := float64(units) / float64(first.Needs); ratio < 0.4 || ratio > 2.5 {
			t.Errorf("%s: needed %d units after it had said %d", name, units, first.Needs)
		}
	}
}
