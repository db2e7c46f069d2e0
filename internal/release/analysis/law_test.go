package analysis_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// slack is what rounding may add to an exact mean.
const slack = 1e-12

// mean is the exact mean of a unit's factor, summed over label and outcome, when
// the stable version fails with probability pb and the canary with pc.
func mean(f analysis.Factor, w, pb, pc float64) float64 {
	return w*((1-pc)*f.CanaryGood+pc*f.CanaryError) + (1-w)*((1-pb)*f.StableGood+pb*f.StableError)
}

// shifted is the error rate of the stable version and ε.
func shifted(pb, eps float64) float64 { return pb + eps*(1-pb) }

// situation is a weight, a tolerance, true rates, and what was seen before.
type situation struct {
	w, eps, pb, limit float64 // limit: the canary's rate that is just tolerated
	past              analysis.Counts
}

// anySituation draws one, with the extremes among them. The past has nothing to
// do with the rates: guesses may be as wrong as they like.
func anySituation(rng *rand.Rand) situation {
	skewed := func() float64 { return math.Pow(rng.Float64(), 1+8*rng.Float64()) }
	either := func(extremes ...float64) float64 {
		if i := rng.IntN(4 * len(extremes)); i < len(extremes) {
			return extremes[i]
		}
		return skewed()
	}
	s := situation{
		w:   min(max(either(1e-9, 1-1e-9, 0.05, 0.5, 0.95), 1e-12), 1-1e-12),
		eps: min(either(0, 0.01, 1-1e-12), 1-1e-12), pb: either(0, 1),
		past: counts(int64(1e7*skewed()), int64(1e7*skewed())),
	}
	s.limit = shifted(s.pb, s.eps)
	return s
}

// TestTheLaw is the theorem, exactly and for both processes: whatever was seen
// before, a canary that is no worse than the shifted stable version earns nothing
// in the mean in any component of E, and one that is no better than it earns
// nothing in any component of the mirror.
func TestTheLaw(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	check := func(s situation, pc float64, factors []analysis.Factor) {
		t.Helper()
		for _, f := range factors {
			if m := mean(f, s.w, s.pb, pc); !(m <= 1+slack) {
				t.Fatalf("%s: the mean is 1%+.3g at P_c %v, %+v", f.Name, m-1, pc, s)
			}
		}
	}
	for range 20_000 {
		s := anySituation(rng)
		worse, notWorse := analysis.NextFactors(t, s.past, s.w, s.eps)
		for _, pc := range []float64{s.limit, s.limit * rng.Float64(), min(s.pb, s.limit), 0} {
			check(s, pc, worse)
		}
		for _, pc := range []float64{s.limit, s.limit + (1-s.limit)*rng.Float64(), 1} {
			check(s, pc, notWorse)
		}
	}
}

// TestTheLawIsTight shows that the boundary is where it is claimed to be, and
// not somewhere beyond: there the mean is one, neither more nor less.
func TestTheLawIsTight(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 5_000 {
		s := anySituation(rng)
		worse, notWorse := analysis.NextFactors(t, s.past, s.w, s.eps)
		for _, f := range append(worse, notWorse...) {
			if m := mean(f, s.w, s.pb, s.limit); math.Abs(m-1) > slack {
				t.Fatalf("%s: the mean is 1%+.3g at the boundary, %+v", f.Name, m-1, s)
			}
		}
	}
}

// TestWorseEarns is the other side: a canary beyond the tolerance earns in every
// component of E whatever was guessed, and one that is better earns in every
// component of the mirror. So neither passes for want of growing at all.
func TestWorseEarns(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 5_000 {
		s := situation{
			w: 0.05 + 0.9*rng.Float64(), eps: 0.05 * rng.Float64(), pb: 0.5 * rng.Float64(),
			past: counts(rng.Int64N(3000), rng.Int64N(300)),
		}
		s.limit = shifted(s.pb, s.eps)
		worse, notWorse := analysis.NextFactors(t, s.past, s.w, s.eps)
		above := s.limit + (1-s.limit)*(0.01+0.99*rng.Float64())
		for _, f := range worse {
			if mean(f, s.w, s.pb, above) <= 1 {
				t.Fatalf("%s: a worse canary earns nothing at P_c %v, %+v", f.Name, above, s)
			}
		}
		for _, f := range notWorse {
			if f.CanaryError < f.CanaryGood && mean(f, s.w, s.pb, s.limit*0.9*rng.Float64()) <= 1 {
				t.Fatalf("%s: a better canary earns nothing, %+v", f.Name, s)
			}
		}
	}
}

// plain is S without the shift of the stable version's factor: wrong on purpose.
func plain(raw, psi, w, eps float64) analysis.Factor {
	q := shifted(raw, eps)
	qc := psi * q / (1 - q + psi*q)
	mixGood, mixError := w*(1-qc)+(1-w)*(1-q), w*qc+(1-w)*q
	return analysis.Factor{
		CanaryGood: (1 - qc) / mixGood, CanaryError: qc / mixError,
		StableGood: (1 - q) / mixGood, StableError: q / mixError,
	}
}

// TestTheLawNeedsTheShift breaks the formula and sees the law broken, so that the
// test above is known to be able to fail.
func TestTheLawNeedsTheShift(t *testing.T) {
	for _, psi := range []float64{1.5, 2, 3, 5, 10, 30, 100} {
		f := plain(0.02, psi, 0.5, tolerance)
		if m := mean(f, 0.5, 0.02, shifted(0.02, tolerance)); m <= 1+1e-4 {
			t.Errorf("×%v: without the shift the mean is %v", psi, m)
		}
	}
}
