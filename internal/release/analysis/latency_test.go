package analysis_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// distribution draws shares of the outcome classes, some of them tiny or nothing.
func distribution(rng *rand.Rand) []float64 {
	shares := make([]float64, analysis.LatencyClasses)
	sum := 0.0
	for y := range shares {
		if rng.IntN(6) > 0 {
			shares[y] = math.Pow(rng.Float64(), 1+6*rng.Float64())
		}
		sum += shares[y]
	}
	if sum == 0 {
		shares[0], sum = 1, 1
	}
	for y := range shares {
		shares[y] /= sum
	}
	return shares
}

// failing is a distribution with another share of failures.
func failing(shares []float64, failed float64) []float64 {
	last := len(shares) - 1
	out := make([]float64, len(shares))
	for y, p := range shares[:last] {
		out[y] = p / (1 - shares[last]) * (1 - failed)
	}
	out[last] = failed
	return out
}

// quicker moves some of the mass of each class of latency to classes below it.
func quicker(rng *rand.Rand, shares []float64) []float64 {
	out := slices.Clone(shares)
	for y, p := range shares[:len(shares)-1] {
		moved := rng.Float64() * p
		out[y] -= moved
		out[rng.IntN(y+1)] += moved
	}
	return out
}

func classMean(f analysis.ClassFactor, w float64, stable, canary []float64) float64 {
	sum := 0.0
	for y := range stable {
		sum += w*canary[y]*f.Canary[y] + (1-w)*stable[y]*f.Stable[y]
	}
	return sum
}

// TestTheLawOfLatency is TestTheLaw with classes of latency, whatever was guessed.
// A canary that fails within the tolerance, and of which what does not fail is as
// fast or faster, earns nothing in the mean. Errors earn nothing by being slow. Where
// latencies are looked at apart, they earn nothing by failing, however much more or less
// often that is.
func TestTheLawOfLatency(t *testing.T) {
	rng, apart := rand.New(rand.NewPCG(21, 1)), 0
	for range 5_000 {
		stable, w, eps := distribution(rng), 0.001+0.998*rng.Float64(), 0.3*rng.Float64()*float64(rng.IntN(2))
		if stable[len(stable)-1] == 1 {
			continue
		}
		seen := analysis.Counts{Units: make([]int64, analysis.LatencyClasses)}
		for y := range seen.Units {
			seen.Units[y] = int64(math.Pow(10, 6*rng.Float64())) - 1
		}
		if rng.IntN(2) == 0 { // a past that fails seldom, so that latencies are apart
			seen.Units[analysis.LatencyClasses-1] = 0
		}
		failed := stable[len(stable)-1]
		limit := shifted(failed, eps)
		for _, f := range analysis.NextClassFactors(t, seen, w, eps) {
			check := func(what string, stable, canary []float64, exactly bool) {
				t.Helper()
				if m := classMean(f, w, stable, canary); m > 1+slack || (exactly && m < 1-slack) {
					t.Fatalf("%s, %s: the mean is 1%+.3g, w %v, ε %v, %v", f.Name, what, m-1, w, eps, stable)
				}
			}
			just := failing(stable, limit)
			check("just tolerated", stable, just, !f.Apart)
			check("better", stable, quicker(rng, failing(stable, limit*rng.Float64())), false)
			if f.Apart {
				apart++
				check("nothing fails", failing(stable, 0), failing(stable, 0), true)
				check("it fails more or less often", stable, quicker(rng, failing(stable, rng.Float64())), false)
				check("it fails always", stable, failing(stable, 1), false)
			}
			if strings.HasPrefix(f.Name, "errors") {
				check("slower", stable, failing(distribution(rng), limit), true)
			}
		}
	}
	if apart < 10_000 {
		t.Errorf("latencies were apart %d times", apart)
	}
}

// drawLatency draws units of which a share fails, with latencies that are log-normal
// around a median of one, cut at the quantiles of that distribution; slower makes the
// canary's out of the usual.
func drawLatency(rng *rand.Rand, step, units int, failed float64, slower func(logLatency float64) float64) analysis.Cohort {
	c := analysis.Cohort{Step: step, Weight: steps[step]}
	c.Canary.Units, c.Stable.Units = make([]int64, analysis.LatencyClasses), make([]int64, analysis.LatencyClasses)
	class := func(logLatency float64) int {
		if rng.Float64() < failed {
			return analysis.LatencyClasses - 1
		}
		return latencyClass(logLatency)
	}
	for range units {
		latency := rng.NormFloat64() * 0.5
		if rng.Float64() < c.Weight {
			c.Canary.Units[class(slower(latency))]++
		} else {
			c.Stable.Units[class(latency)]++
		}
	}
	return c
}

// latencyClass cuts at the quantiles of a normal distribution with deviation 0.5.
func latencyClass(logLatency float64) int {
	share := 0.5 * math.Erfc(-logLatency/0.5/math.Sqrt2)
	class := 0
	for _, q := range analysis.Quantiles() {
		if share >= q {
			class++
		}
	}
	return class
}

func latencyPrior() analysis.Counts {
	units := make([]int64, analysis.LatencyClasses)
	before := 0.0
	for y, q := range append(analysis.Quantiles(), 1) {
		units[y] = int64(math.Round(10_000 * (q - before)))
		before = q
	}
	return analysis.Counts{Units: units}
}

// TestASlowCanaryIsFound, throughout or in one of fifty requests alone, although as
// many may fail, and where more than that fail anyway; and one that is as fast as the
// stable version is not.
func TestASlowCanaryIsFound(t *testing.T) {
	t.Parallel()
	const cohorts, units, runs = 400, 50, 40
	worse := func(seed uint64, failed float64, slower func(rng *rand.Rand, logLatency float64) float64) (found int, mover string) {
		rng := rand.New(rand.NewPCG(seed, 22))
		for range runs {
			test := newTest(t, analysis.Config{Tolerance: 0.02, Prior: latencyPrior(), Drawn: true})
			for i := range cohorts {
				test.Score(drawLatency(rng, min(i/80, 3), units, failed, func(l float64) float64 { return slower(rng, l) }))
			}
			if v := test.Verdict(); v.Kind == analysis.Worse {
				found, mover = found+1, v.Mover
			}
		}
		return found, mover
	}
	for failed, factor := range map[float64]float64{0: 1.3, 0.1: 1.2} {
		found, mover := worse(1, failed, func(_ *rand.Rand, l float64) float64 { return l + math.Log(factor) })
		if found < runs*9/10 || mover == "" {
			t.Errorf("where %g fail, a canary that is ×%g as slow was found in %d of %d, by %q", failed, factor, found, runs, mover)
		}
	}
	found, mover := worse(3, 0, func(rng *rand.Rand, l float64) float64 {
		if rng.IntN(50) == 0 {
			return l + math.Log(10)
		}
		return l
	})
	if found < runs*9/10 || !strings.HasPrefix(mover, "beyond p99.8") {
		t.Errorf("a canary with a slow tail was found in %d of %d, by %q", found, runs, mover)
	}
	for _, failed := range []float64{0, 0.1} {
		found, mover := worse(2, failed, func(_ *rand.Rand, l float64) float64 { return l })
		t.Logf("the same version, where %g fail: %d of %d, %s", failed, found, runs, mover)
		atMost(t, found, runs, alpha)
	}
}

// TestErrorsCountTheSameWithLatency: the evidence of errors costs no more than
// the half of the weight that latency has.
func TestErrorsCountTheSameWithLatency(t *testing.T) {
	with := newTest(t, analysis.Config{Tolerance: tolerance, Prior: latencyPrior()})
	without := newTest(t, analysis.Config{Tolerance: tolerance, Prior: counts(10_000, 0)})
	bad := analysis.Counts{Units: []int64{3, 1, 1, 0, 0, 0, 0, 5}}
	good := analysis.Counts{Units: []int64{25, 12, 8, 3, 2, 0, 0, 0}}
	with.Score(analysis.Cohort{Weight: 0.2, Canary: bad, Stable: good})
	without.Score(analysis.Cohort{Weight: 0.2, Canary: counts(5, 5), Stable: counts(50, 0)})
	if a, b := with.Verdict(), without.Verdict(); a.LogE < b.LogE-math.Log(2)-1e-9 || a.MirrorE != b.MirrorE {
		t.Errorf("log E is %v with latency and %v without, E' is %v and %v", a.LogE, b.LogE, a.MirrorE, b.MirrorE)
	}
}

// TestClassesThatDoNotFit: counts that know errors alone compare no latencies.
func TestClassesThatDoNotFit(t *testing.T) {
	test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: latencyPrior()})
	for range 50 {
		test.Score(analysis.Cohort{Weight: 0.5, Canary: counts(20, 0), Stable: counts(20, 0)})
	}
	if v := test.Verdict(); v.E > 2 || v.Canary.Total() != 1000 {
		t.Errorf("got %+v", v)
	}
}

func TestCut(t *testing.T) {
	const ms = time.Millisecond
	var even []analysis.Bucket
	for i := range 1000 {
		even = append(even, analysis.Bucket{UpTo: time.Duration(i+1) * ms, Count: 1})
	}
	cuts, past := analysis.Cut(even, 7)
	if want := []time.Duration{500 * ms, 750 * ms, 900 * ms, 950 * ms, 990 * ms, 998 * ms}; !slices.Equal(cuts, want) {
		t.Errorf("cuts %v, want %v", cuts, want)
	}
	if want := []int64{500, 250, 150, 50, 40, 8, 2, 7}; !slices.Equal(past.Units, want) {
		t.Errorf("past %v, want %v", past.Units, want)
	}
	cuts, past = analysis.Cut([]analysis.Bucket{{UpTo: ms, Count: 300}}, 0)
	if !slices.Equal(cuts, []time.Duration{ms, ms, ms, ms, ms, ms}) || past.Units[0] != 300 || past.Total() != 300 {
		t.Errorf("of one latency: %v, %v", cuts, past)
	}
	cuts, past = analysis.Cut(even[:150], 3)
	if cuts != nil || !slices.Equal(past.Units, []int64{150, 3}) {
		t.Errorf("of too few: %v, %v", cuts, past)
	}
	least := analysis.LatencyTolerance{Share: 0.1, Least: 5 * ms}
	if got := least.Tolerated([]time.Duration{ms, 50 * ms, time.Second}); !slices.Equal(got, []time.Duration{6 * ms, 55 * ms, 1100 * ms}) {
		t.Errorf("tolerated %v", got)
	}
}

// TestErrorsOnly: latencies of a canary that warms up say nothing, its errors do,
// and the stable version's latencies still count for its past.
func TestErrorsOnly(t *testing.T) {
	slow := analysis.Counts{Units: []int64{0, 0, 0, 0, 0, 50, 50, 0}}
	fast := analysis.Counts{Units: []int64{50, 25, 15, 5, 4, 1, 0, 0}}
	test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: latencyPrior()})
	test.Score(analysis.Cohort{Weight: 0.5, Canary: slow, Stable: fast, ErrorsOnly: true})
	if v := test.Verdict(); v.E > 1+slack {
		t.Errorf("slow while it warmed up: E is %v", v.E)
	}
	failing := analysis.Counts{Units: []int64{0, 0, 0, 0, 0, 0, 0, 100}}
	test.Score(analysis.Cohort{Weight: 0.5, Canary: failing, Stable: fast, ErrorsOnly: true})
	if v := test.Verdict(); v.Kind != analysis.Worse || v.Canary.Units[5] != 50 {
		t.Errorf("failing while it warmed up: %+v", v)
	}
}
