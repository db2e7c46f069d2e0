package analysis_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

const alpha, tolerance = 0.01, 0.01

// steps are the shares of a release, the bake last.
var steps = []float64{0.05, 0.10, 0.25, 0.50, 0.95}

func newTest(tb testing.TB, eps float64) *analysis.Test {
	tb.Helper()
	test, err := analysis.New(analysis.Config{
		Alpha: alpha, Tolerance: eps, Steps: len(steps), Prior: counts(995, 5),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return test
}

func counts(good, failed int64) analysis.Counts { return analysis.Counts{Units: []int64{good, failed}} }

// mean is the exact mean of a unit's factor when the stable version fails with
// probability pb and the canary with pc.
func mean(f analysis.Factor, w, pb, pc float64) float64 {
	return w*((1-pc)*f.CanaryGood+pc*f.CanaryError) + (1-w)*((1-pb)*f.StableGood+pb*f.StableError)
}

// world is a random configuration, a random guess, and random true rates.
func world(rng *rand.Rand) (raw, w, eps, pb float64) {
	skewed := func() float64 { return math.Pow(rng.Float64(), 1+6*rng.Float64()) }
	raw = min(max(skewed(), 1e-6), 1-1e-6)
	return raw, 0.001 + 0.998*rng.Float64(), skewed() * 0.5, skewed()
}

// TestMeanIsAtMostOneForACanaryThatIsNoWorse is the theorem: whatever was
// guessed, a canary that is no worse than the shifted stable version earns
// nothing in the mean, in any component.
func TestMeanIsAtMostOneForACanaryThatIsNoWorse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50_000 {
		raw, w, eps, pb := world(rng)
		limit := (1-eps)*pb + eps
		for _, pc := range []float64{limit, limit * rng.Float64(), pb, 0} {
			worse, _ := analysis.Factors(raw, w, eps)
			for _, f := range worse {
				if pc <= limit && mean(f, w, pb, pc) > 1+1e-12 {
					t.Fatalf("%s: mean %v with guess %v, w %v, ε %v, P_b %v, P_c %v", f.Name, mean(f, w, pb, pc), raw, w, eps, pb, pc)
				}
			}
		}
	}
}

// TestMirrorMeanIsAtMostOneForAWorseCanary is the same for the other proof: a
// canary that is worse by at least the tolerance earns nothing in it.
func TestMirrorMeanIsAtMostOneForAWorseCanary(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 50_000 {
		raw, w, eps, pb := world(rng)
		limit := (1-eps)*pb + eps
		for _, pc := range []float64{limit, limit + (1-limit)*rng.Float64(), 1} {
			_, notWorse := analysis.Factors(raw, w, eps)
			for _, f := range notWorse {
				if mean(f, w, pb, pc) > 1+1e-12 {
					t.Fatalf("%s: mean %v with guess %v, w %v, ε %v, P_b %v, P_c %v", f.Name, mean(f, w, pb, pc), raw, w, eps, pb, pc)
				}
			}
		}
	}
}

// TestMeanExceedsOneForAWorseCanary shows that the test can find something: with
// a good guess, some component grows.
func TestMeanExceedsOneForAWorseCanary(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 2_000 {
		pb := 0.2 * rng.Float64()
		w := 0.05 + 0.9*rng.Float64()
		limit := (1-tolerance)*pb + tolerance
		pc := min(3*limit, 1)
		worse, _ := analysis.Factors(max(pb, 1e-6), w, tolerance)
		if !slices.ContainsFunc(worse, func(f analysis.Factor) bool { return mean(f, w, pb, pc) > 1 }) {
			t.Fatalf("no component grows at P_b %v, P_c %v, w %v", pb, pc, w)
		}
	}
}

// TestWithoutTheShiftTheTheoremIsWrong breaks the formula, to show that the
// tests above can fail: scoring the stable version by S instead of S̃ rolls back
// a version that is worse by less than the tolerance.
func TestWithoutTheShiftTheTheoremIsWrong(t *testing.T) {
	const pb, w = 0.02, 0.5
	pc := (1-tolerance)*pb + tolerance
	worse, _ := analysis.Factors(pb, w, 0)
	for _, f := range worse {
		if f.Name == "errors ×1.5" && mean(f, w, pb, pc) <= 1 {
			t.Errorf("without the shift the mean is %v", mean(f, w, pb, pc))
		}
	}
}

func TestGoldenProduct(t *testing.T) {
	// The direct product over single units, for one step and one component each.
	test, err := analysis.New(analysis.Config{Alpha: alpha, Tolerance: tolerance, Steps: 1, Prior: counts(199, 1)})
	if err != nil {
		t.Fatal(err)
	}
	cohorts := []analysis.Cohort{
		{Weight: 0.1, Canary: counts(3, 1), Stable: counts(30, 0)},
		{Weight: 0.1, Canary: counts(0, 2), Stable: counts(20, 1)},
		{Weight: 0.5, Canary: counts(5, 5), Stable: counts(9, 0)},
	}
	past := []float64{1.5 / 201, 1.5 / 231, 2.5 / 252}
	products := make([]float64, 7)
	for i := range products {
		products[i] = 1
	}
	for at, c := range cohorts {
		worse, _ := analysis.Factors(past[at], c.Weight, tolerance)
		for i, f := range worse {
			for range c.Canary.Units[0] {
				products[i] *= f.CanaryGood
			}
			for range c.Canary.Units[1] {
				products[i] *= f.CanaryError
			}
			for range c.Stable.Units[0] {
				products[i] *= f.StableGood
			}
			for range c.Stable.Units[1] {
				products[i] *= f.StableError
			}
		}
		test.Score(c)
	}
	want := 0.0
	for _, p := range products {
		want += p / 7
	}
	if got := math.Exp(test.Verdict().LogE); math.Abs(got/want-1) > 1e-9 {
		t.Errorf("E is %v, the product over single units is %v", got, want)
	}
}

func TestReplayGivesTheSameVerdict(t *testing.T) {
	run := func() string {
		rng := rand.New(rand.NewPCG(4, 4))
		test := newTest(t, tolerance)
		for i := range 300 {
			test.Score(draw(rng, i*len(steps)/300, 20, 0.01, 0.02))
		}
		data, err := json.Marshal(test.Verdict())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if first := run(); first != run() {
		t.Error("two replays differ")
	}
}

// draw makes a cohort of about n units under a step's weight.
func draw(rng *rand.Rand, step, n int, pb, pc float64) analysis.Cohort {
	w := steps[step]
	c := analysis.Cohort{Step: step, Weight: w, Canary: counts(0, 0), Stable: counts(0, 0)}
	for range n {
		if rng.Float64() < w {
			c.Canary.Units[outcome(rng, pc)]++
		} else {
			c.Stable.Units[outcome(rng, pb)]++
		}
	}
	return c
}

func outcome(rng *rand.Rand, p float64) int {
	if rng.Float64() < p {
		return 1
	}
	return 0
}

func FuzzVerdictIsFinite(f *testing.F) {
	f.Add(0.01, 0.01, 0.5, int64(1), int64(2), int64(3), int64(4), uint8(3))
	f.Add(0.5, 0.0, 1e-300, int64(1<<60), int64(0), int64(0), int64(1<<60), uint8(1))
	f.Fuzz(func(t *testing.T, a, eps, w float64, cg, ce, sg, se int64, stepCount uint8) {
		test, err := analysis.New(analysis.Config{Alpha: a, Tolerance: eps, Steps: int(stepCount), Prior: counts(abs(cg), abs(se))})
		if err != nil {
			return
		}
		for step := range int(stepCount) {
			test.Score(analysis.Cohort{Step: step, Weight: w, Canary: counts(abs(cg), abs(ce)), Stable: counts(abs(sg), abs(se))})
		}
		v := test.Verdict()
		if _, err := json.Marshal(v); err != nil {
			t.Fatalf("%+v: %v", v, err)
		}
		if v.E < 0 || v.Needs < 0 {
			t.Errorf("%+v", v)
		}
	})
}

func abs(n int64) int64 { return max(n, -n, 0) % (1 << 40) }

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []analysis.Config{
		{Alpha: 0, Steps: 1},
		{Alpha: 1, Steps: 1},
		{Alpha: math.NaN(), Steps: 1},
		{Alpha: 0.01, Tolerance: -0.1, Steps: 1},
		{Alpha: 0.01, Tolerance: 1, Steps: 1},
		{Alpha: 0.01},
		{Alpha: 0.01, Steps: 1000},
		{Alpha: 0.01, Steps: 1, Prior: counts(-1, 0)},
	} {
		if _, err := analysis.New(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
