package main

import (
	"math"
	"math/rand/v2"
)

// binomial draws how many of n succeed. Small means are drawn by inversion, others
// by transformed rejection (W. Hörmann, The generation of binomial random variates,
// Journal of Statistical Computation and Simulation 46, 1993).
func binomial(rng *rand.Rand, n int64, p float64) int64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(rng, n, 1-p)
	case float64(n)*p < 10:
		return inverted(rng, n, p)
	default:
		return rejected(rng, float64(n), p)
	}
}

func inverted(rng *rand.Rand, n int64, p float64) int64 {
	ratio := p / (1 - p)
	mass := math.Exp(float64(n) * math.Log1p(-p))
	u := rng.Float64()
	for k := int64(0); ; k++ {
		if u -= mass; u < 0 || k == n {
			return k
		}
		mass *= ratio * float64(n-k) / float64(k+1)
	}
}

func rejected(rng *rand.Rand, n, p float64) int64 {
	spread := math.Sqrt(n * p * (1 - p))
	b := 1.15 + 2.53*spread
	a := -0.0873 + 0.0248*b + 0.01*p
	alpha := (2.83 + 5.1/b) * spread
	mode := math.Floor((n + 1) * p)
	top := lgamma(mode+1) + lgamma(n-mode+1)
	for {
		u, v := rng.Float64()-0.5, rng.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + n*p + 0.5)
		if us >= 0.07 && v <= 0.92-4.2/b {
			return int64(k)
		}
		if k < 0 || k > n {
			continue
		}
		density := top - lgamma(k+1) - lgamma(n-k+1) + (k-mode)*math.Log(p/(1-p))
		if math.Log(v*alpha/(a/(us*us)+b)) <= density {
			return int64(k)
		}
	}
}

// poisson draws a number of arrivals. The m-th of them is waited for by a gamma
// time, which leaves a binomial or a smaller Poisson number (J. Ahrens, U. Dieter,
// Computer methods for sampling from gamma, beta, Poisson and binomial
// distributions, Computing 12, 1974); small means are drawn by inversion, in pieces.
func poisson(rng *rand.Rand, mean float64) int64 {
	const piece = 16
	if mean > 8*piece {
		m := math.Floor(mean * 7 / 8)
		x := gamma(rng, m)
		if x > mean {
			return binomial(rng, int64(m)-1, mean/x)
		}
		return int64(m) + poisson(rng, mean-x)
	}
	sum := int64(0)
	for ; mean > piece; mean -= piece {
		sum += smallPoisson(rng, piece)
	}
	return sum + smallPoisson(rng, mean)
}

func smallPoisson(rng *rand.Rand, mean float64) int64 {
	u, mass := rng.Float64(), math.Exp(-mean)
	for k := int64(0); ; k++ {
		if u -= mass; u < 0 || k > 200 {
			return k
		}
		mass *= mean / float64(k+1)
	}
}

// gamma draws the sum of m exponential waiting times (G. Marsaglia, W. Tsang, A
// simple method for generating gamma variables, ACM TOMS 26, 2000).
func gamma(rng *rand.Rand, m float64) float64 {
	d := m - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		v = v * v * v
		if v > 0 && math.Log(1-rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// multinomial draws n units into classes, adding them to units.
func multinomial(rng *rand.Rand, n int64, shares []float64, units []int64) {
	left := 1.0
	for i, p := range shares[:len(shares)-1] {
		if n == 0 {
			return
		}
		k := binomial(rng, n, min(p/left, 1))
		units[i] += k
		n -= k
		left -= p
	}
	units[len(shares)-1] += n
}

func lgamma(x float64) float64 {
	l, _ := math.Lgamma(x)
	return l
}
