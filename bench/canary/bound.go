package main

import "math"

// confidence is that of every bound, one-sided.
const confidence = 0.95

// upper and lower are the bounds of Clopper and Pearson (Biometrika 26, 1934) for
// the probability of an event that was seen k times in n.
func upper(k, n int) float64 {
	if k >= n {
		return 1
	}
	return solve(func(p float64) bool { return betaInc(float64(k+1), float64(n-k), p) < confidence })
}

func lower(k, n int) float64 {
	if k == 0 {
		return 0
	}
	return solve(func(p float64) bool { return betaInc(float64(k), float64(n-k+1), p) < 1-confidence })
}

// solve finds where below, true at 0, becomes false.
func solve(below func(p float64) bool) float64 {
	low, high := 0.0, 1.0
	for range 60 {
		if middle := (low + high) / 2; below(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// betaInc is the regularised incomplete beta function, the probability of at least a
// successes in a+b−1 trials, by its continued fraction (NIST Digital Library of
// Mathematical Functions, 8.17.22).
func betaInc(a, b, x float64) float64 {
	if x <= 0 || x >= 1 {
		return math.Max(0, math.Min(1, math.Floor(x)))
	}
	if x > (a+1)/(a+b+2) {
		return 1 - betaInc(b, a, 1-x)
	}
	front := math.Exp(lgamma(a+b)-lgamma(a)-lgamma(b)+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	c, d, f := 1.0, 0.0, 1.0
	for i := range 2000 {
		m := float64(i / 2)
		var t float64
		switch {
		case i == 0:
			t = 1
		case i%2 == 0:
			t = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			t = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / nonzero(1+t*d, tiny)
		c = nonzero(1+t/c, tiny)
		f *= c * d
		if math.Abs(1-c*d) < 1e-14 && i > 0 {
			break
		}
	}
	return front * (f - 1)
}

func nonzero(x, tiny float64) float64 {
	if math.Abs(x) < tiny {
		return tiny
	}
	return x
}
