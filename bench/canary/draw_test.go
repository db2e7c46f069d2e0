package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

// fits is a χ² test of draws against exact probabilities, at a level of 1e-6.
func fits(t *testing.T, name string, draw func(*rand.Rand) int64, mass func(k int) float64, most int) {
	t.Helper()
	const draws = 60_000
	rng := rand.New(rand.NewPCG(1, uint64(most)))
	seen := make([]int, most+2)
	for range draws {
		seen[min(draw(rng), int64(most+1))]++
	}
	chi, cells, rest, restSeen := 0.0, -1, float64(draws), draws
	for k := range most + 1 {
		expected := draws * mass(k)
		if expected < 10 {
			continue
		}
		chi += (float64(seen[k]) - expected) * (float64(seen[k]) - expected) / expected
		cells++
		rest -= expected
		restSeen -= seen[k]
	}
	if rest > 10 {
		chi += (float64(restSeen) - rest) * (float64(restSeen) - rest) / rest
		cells++
	}
	// Wilson and Hilferty: the cube root of χ²/cells is nearly normal.
	f := float64(cells)
	if z := (math.Cbrt(chi/f) - (1 - 2/(9*f))) / math.Sqrt(2/(9*f)); z > 4.75 {
		t.Errorf("%s: χ² is %.1f in %d cells", name, chi, cells)
	}
}

func binomialMass(n int, p float64) func(k int) float64 {
	return func(k int) float64 {
		return math.Exp(lgamma(float64(n+1)) - lgamma(float64(k+1)) - lgamma(float64(n-k+1)) +
			float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
}

func TestBinomial(t *testing.T) {
	for _, c := range []struct {
		n int64
		p float64
	}{{1, 0.3}, {5, 0.5}, {40, 0.05}, {30, 0.9}, {100, 0.2}, {2000, 0.02}, {400, 0.5}, {300, 0.8}} {
		fits(t, "binomial", func(rng *rand.Rand) int64 { return binomial(rng, c.n, c.p) }, binomialMass(int(c.n), c.p), int(c.n))
	}
	if binomial(nil, 5, 0) != 0 || binomial(nil, 5, 1) != 5 || binomial(nil, 0, 0.5) != 0 {
		t.Error("certain outcomes are drawn")
	}
}

func TestPoisson(t *testing.T) {
	for _, mean := range []float64{0.1, 5, 20, 100, 2000} {
		fits(t, "poisson", func(rng *rand.Rand) int64 { return poisson(rng, mean) }, func(k int) float64 {
			return math.Exp(float64(k)*math.Log(mean) - mean - lgamma(float64(k+1)))
		}, int(mean+10*math.Sqrt(mean)+10))
	}
}

func TestMultinomial(t *testing.T) {
	shares := []float64{0.2, 0.5, 0.25, 0.05}
	for class, share := range shares {
		fits(t, "multinomial", func(rng *rand.Rand) int64 {
			units := make([]int64, len(shares))
			multinomial(rng, 50, shares, units)
			if units[0]+units[1]+units[2]+units[3] != 50 {
				t.Fatal("units were lost")
			}
			return units[class]
		}, binomialMass(50, share), 50)
	}
}

// TestClopperPearson compares with closed forms, with the definition by the exact
// binomial tail, and with published bounds: 95 % two-sided for 4 of 20 is 5.73 % to
// 43.66 %, which is one-sided at 97.5 %.
func TestClopperPearson(t *testing.T) {
	near := func(name string, got, want, within float64) {
		t.Helper()
		if math.Abs(got-want) > within {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	near("0 of 10 000", upper(0, 10_000), 1-math.Pow(0.05, 1.0/10_000), 1e-12)
	near("10 of 10", lower(10, 10), math.Pow(0.05, 1.0/10), 1e-9)
	for _, c := range [][2]int{{3, 50}, {17, 40}, {1, 9}} {
		k, n := c[0], c[1]
		tail := func(p float64, from int) (sum float64) {
			for i := from; i <= n; i++ {
				sum += binomialMass(n, p)(i)
			}
			return sum
		}
		near("upper", 1-tail(upper(k, n), k+1), 0.05, 1e-9)
		near("lower", tail(lower(k, n), k), 0.05, 1e-9)
	}
	near("4 of 20, below", solve(func(p float64) bool { return betaInc(4, 17, p) < 0.025 }), 0.0573, 5e-5)
	near("4 of 20, above", solve(func(p float64) bool { return betaInc(5, 16, p) < 0.975 }), 0.4366, 5e-5)
}
