package analysis_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

const alpha, tolerance = 0.01, 0.01

// steps are the shares of a release, the bake last.
var steps = []float64{0.05, 0.10, 0.25, 0.50, 0.95}

func counts(good, failed int64) analysis.Counts { return analysis.Counts{Units: []int64{good, failed}} }

func newTest(tb testing.TB, cfg analysis.Config) *analysis.Test {
	tb.Helper()
	if cfg.Alpha == 0 {
		cfg.Alpha = alpha
	}
	if cfg.Steps == 0 {
		cfg.Steps = len(steps)
	}
	test, err := analysis.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return test
}

func TestNewRefuses(t *testing.T) {
	for want, cfg := range map[string]analysis.Config{
		"alpha 0 is":     {Alpha: 0, Steps: 1},
		"alpha 1 is":     {Alpha: 1, Steps: 1},
		"alpha NaN is":   {Alpha: math.NaN(), Steps: 1},
		"tolerance -0.1": {Alpha: 0.01, Tolerance: -0.1, Steps: 1},
		"tolerance 1 is": {Alpha: 0.01, Tolerance: 1, Steps: 1},
		"tolerance NaN":  {Alpha: 0.01, Tolerance: math.NaN(), Steps: 1},
		"0 steps are":    {Alpha: 0.01},
		"1000 steps are": {Alpha: 0.01, Steps: 1000},
		"prior count":    {Alpha: 0.01, Steps: 1, Prior: counts(-1, 0)},
	} {
		if _, err := analysis.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error about %q", cfg, err, want)
		}
	}
}

func TestNothingSeenIsUndecided(t *testing.T) {
	v := newTest(t, analysis.Config{Tolerance: tolerance}).Verdict()
	if v.Kind != analysis.Undecided || v.E != 1 || v.MirrorE < 1-slack || v.MirrorE > 1+slack || v.LogE > slack || v.Needs <= 0 {
		t.Errorf("got %+v", v)
	}
	if v.Bound != 200 || v.MirrorBound != 20 {
		t.Errorf("bounds %v and %v, want 200 and 20", v.Bound, v.MirrorBound)
	}
	if v := newTest(t, analysis.Config{Drawn: true}).Verdict(); v.E != 1 || math.Abs(v.Bound-1/0.009) > 1e-9 {
		t.Errorf("drawn: E is %v and its bound %v", v.E, v.Bound)
	}
}

// TestHighest is what E is the exponential of, in both forms.
func TestHighest(t *testing.T) {
	for _, drawn := range []bool{true, false} {
		test := newTest(t, analysis.Config{Drawn: drawn, Tolerance: tolerance})
		for _, c := range []analysis.Cohort{
			{Weight: 0.5, Canary: counts(5, 5), Stable: counts(10, 0)},
			{Step: 1, Weight: 0.5, Canary: counts(400, 0), Stable: counts(300, 100)},
		} {
			test.Score(c)
		}
		if v := test.Verdict(); math.Abs(math.Exp(test.Highest())-v.E) > 1e-9*v.E || v.LogE > test.Highest()-1 {
			t.Errorf("drawn %v: %v, %+v", drawn, test.Highest(), v)
		}
	}
}

// TestCohortsWithoutAControlCompareNothing: at weight 0 and 1, and at weights
// that are none, the canary may fail as it likes. What the stable version does
// there still counts for its past.
func TestCohortsWithoutAControlCompareNothing(t *testing.T) {
	for _, w := range []float64{0, 1, -1, 2, math.NaN(), math.Inf(1)} {
		test := newTest(t, analysis.Config{Tolerance: tolerance})
		test.Score(analysis.Cohort{Weight: w, Canary: counts(0, 500), Stable: counts(500, 0)})
		if v := test.Verdict(); v.E != 1 || v.Canary.Errors() != 500 || v.Stable.Total() != 500 {
			t.Errorf("weight %v: got %+v", w, v)
		}
		other := newTest(t, analysis.Config{Tolerance: tolerance})
		next := analysis.Cohort{Weight: 0.5, Canary: counts(9, 1), Stable: counts(10, 0)}
		test.Score(next)
		other.Score(next)
		if test.Verdict().LogE <= other.Verdict().LogE {
			t.Errorf("weight %v: a past of good units did not make the error weigh more", w)
		}
	}
}

// TestGuessesArePredictable: the units of a cohort must not move the guess under
// which they are judged themselves. One cohort of two units differs from two
// cohorts of one unit only by that.
func TestGuessesArePredictable(t *testing.T) {
	at := func(cohorts ...analysis.Cohort) float64 {
		test := newTest(t, analysis.Config{Steps: 1, Tolerance: tolerance})
		for _, c := range cohorts {
			c.Weight = 0.5
			test.Score(c)
		}
		return test.Verdict().LogE
	}
	failed, fine := counts(0, 1), counts(1, 0)
	together := at(analysis.Cohort{Canary: fine, Stable: failed})
	stableFirst := at(analysis.Cohort{Stable: failed}, analysis.Cohort{Canary: fine})
	canaryFirst := at(analysis.Cohort{Canary: fine}, analysis.Cohort{Stable: failed})
	if math.Abs(together-canaryFirst) > slack || math.Abs(together-stableFirst) < 1e-3 {
		t.Errorf("together %v, canary first %v, stable first %v", together, canaryFirst, stableFirst)
	}
}

// TestALargePriorIsScaled: half a million units of the past weigh as two
// thousand, at the same rate, even if that rate is less than one unit in them.
func TestALargePriorIsScaled(t *testing.T) {
	next := analysis.Cohort{Weight: 0.5, Canary: counts(30, 3), Stable: counts(30, 0)}
	e := func(prior analysis.Counts) float64 {
		test := newTest(t, analysis.Config{Tolerance: 0, Prior: prior})
		test.Score(next)
		return test.Verdict().LogE
	}
	if a, b := e(counts(1990, 10)), e(counts(497_500, 2_500)); math.Abs(a-b) > 1e-9 {
		t.Errorf("a prior of 2 000 gives %v, one of 500 000 with the same rate %v", a, b)
	}
	if a, b := e(counts(2000, 0)), e(counts(999_800, 200)); math.Abs(a-b) < 1e-4 {
		t.Errorf("a rate of 0.02 %% was rounded away: %v, %v", a, b)
	}
}

// TestALateRegressionIsFoundByTheComponentOfItsStep: without the mixture over
// starts a long good past would have to be paid back first.
func TestALateRegressionIsFoundByTheComponentOfItsStep(t *testing.T) {
	test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: counts(995, 5)})
	for step := range 3 {
		for range 100 {
			test.Score(analysis.Cohort{Step: step, Weight: 0.25, Canary: counts(10, 0), Stable: counts(30, 0)})
		}
	}
	bad := analysis.Cohort{Step: 3, Weight: 0.5, Canary: counts(5, 5), Stable: counts(10, 0)}
	for range 3 {
		test.Score(bad)
	}
	if v := test.Verdict(); v.Kind != analysis.Worse || v.Step != 3 || v.Needs != 0 {
		t.Errorf("got %+v", v)
	}
	for range 1000 {
		test.Score(analysis.Cohort{Step: 4, Weight: 0.5, Canary: counts(10, 0), Stable: counts(5, 5)})
	}
	if v := test.Verdict(); v.Kind != analysis.Worse || v.E < v.Bound {
		t.Errorf("worse did not stay: %+v", v)
	}
}

// TestReplayAndOrderInACohort: the same cohorts give the same verdict to the
// last bit, and a cohort is what it counts, however its classes are refined.
func TestReplayAndOrderInACohort(t *testing.T) {
	run := func(refine bool) []byte {
		rng := rand.New(rand.NewPCG(4, 4))
		test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: counts(995, 5)})
		for i := range 300 {
			c := draw(rng, cell{step: i * len(steps) / 300, units: 20, pb: 0.01, pc: 0.02})
			if refine {
				n := c.Canary.Units[0]
				c.Canary.Units = []int64{n - n/3, n / 3, c.Canary.Units[1]}
			}
			test.Score(c)
		}
		v := test.Verdict()
		if refine {
			v.Canary = counts(v.Canary.Total()-v.Canary.Errors(), v.Canary.Errors())
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first := run(false)
	if second := run(false); string(first) != string(second) {
		t.Errorf("two replays differ:\n%s\n%s", first, second)
	}
	if refined := run(true); string(first) != string(refined) {
		t.Errorf("more classes of good units change the verdict:\n%s\n%s", first, refined)
	}
}

// TestAVerdictIsACopy: what a reader does to it must not reach the test.
func TestAVerdictIsACopy(t *testing.T) {
	test := newTest(t, analysis.Config{})
	test.Score(analysis.Cohort{Weight: 0.5, Canary: counts(3, 1), Stable: counts(4, 0)})
	v, want := test.Verdict(), test.Verdict()
	v.Canary.Units[1], v.Stable.Units[0] = 99, 99
	if got := test.Verdict(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestImpossibleCounts: negative ones are zero, and sums stop at the largest.
func TestImpossibleCounts(t *testing.T) {
	test, same := newTest(t, analysis.Config{}), newTest(t, analysis.Config{})
	test.Score(analysis.Cohort{Weight: 0.5, Canary: counts(-7, 2), Stable: counts(5, -3)})
	same.Score(analysis.Cohort{Weight: 0.5, Canary: counts(0, 2), Stable: counts(5, 0)})
	if got, want := test.Verdict(), same.Verdict(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	const most = int64(math.MaxInt64)
	for range 2 {
		test.Score(analysis.Cohort{Canary: counts(most, 1), Stable: counts(0, most)})
	}
	v := test.Verdict()
	if v.Canary.Units[0] != most || v.Canary.Errors() != 4 || v.Canary.Total() != most || v.Stable.Errors() != most {
		t.Errorf("got %+v", v)
	}
}

// FuzzVerdict holds that no input makes a verdict that is not finite, cannot be
// written as JSON, or contradicts itself.
func FuzzVerdict(f *testing.F) {
	f.Add(0.01, 0.01, 0.5, int64(1), int64(2), int64(3), int64(4), 3, 0)
	f.Add(0.5, 0.0, 1e-300, int64(1<<60), int64(0), int64(0), int64(1<<60), 1, -5)
	f.Add(5e-324, math.Nextafter(1, 0), math.NaN(), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MinInt64), int64(-1), 64, 99)
	f.Add(1e-9, 0.0, math.Nextafter(1, 0), int64(0), int64(math.MaxInt64), int64(math.MaxInt64), int64(0), 2, 1)
	f.Add(0.01, 0.01, 0.5, int64(0), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), 2, 1)
	f.Fuzz(func(t *testing.T, a, eps, w float64, cg, ce, sg, se int64, stepCount, step int) {
		test, err := analysis.New(analysis.Config{Alpha: a, Tolerance: eps, Steps: stepCount, Prior: counts(sg, se)})
		if err != nil {
			if test, err = analysis.New(analysis.Config{Alpha: 0.01, Tolerance: 0.01, Steps: 2}); err != nil {
				t.Fatal(err)
			}
		}
		test.Score(analysis.Cohort{Step: step, Weight: w, Canary: counts(cg, ce), Stable: counts(sg, se)})
		test.Score(analysis.Cohort{Step: 1, Weight: 0.5, Canary: counts(1, 1), Stable: analysis.Counts{}})
		test.Score(analysis.Cohort{Step: step, Weight: w, Canary: counts(ce, cg), Stable: counts(se, sg)})
		v := test.Verdict()
		if _, err := json.Marshal(v); err != nil {
			t.Fatalf("%+v: %v", v, err)
		}
		sane := v.E >= 1 && v.MirrorE >= 0 && v.Canary.Total() >= v.Canary.Errors() && v.Stable.Errors() >= 0
		decided := v.Kind == analysis.Worse || v.Kind == analysis.NotWorse
		if !sane || decided != (v.Needs == 0) || (v.Kind == analysis.Worse && v.E < v.Bound*(1-1e-9)) {
			t.Errorf("%+v", v)
		}
	})
}
