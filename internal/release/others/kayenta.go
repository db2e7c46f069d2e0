package others

import (
	"math"
	"slices"
)

// KayentaCritical is the quantile that belongs to Kayenta's confidence level of
// 98 %, two-sided. KayentaEvery is the interval of its judgements here, in minutes.
const (
	KayentaCritical = 2.3263478740408408
	KayentaEvery    = 5
	// kayentaTolerance is the share of the estimated difference that the confidence
	// interval has to stay clear of.
	kayentaTolerance = 0.25
)

// Kayenta compares the two versions' series, a value a minute, with a Mann-Whitney
// test. Every five minutes it judges all minutes so far anew, at the same level. A
// metric is High, which fails a canary that has no other, when the lower end of
// the confidence interval for the difference lies above a quarter of the estimated
// difference. A minute without requests has no value. Where an increase is allowed,
// the ratio of the means (effectSize.allowedIncrease) has to exceed it as well.
//
// Source: github.com/spinnaker/kayenta, kayenta-judge: NetflixACAJudge.scala and
// MannWhitneyClassifier.scala, stats/EffectSizes.scala; the interval is that of R's wilcox.test with the
// normal approximation.
type Kayenta struct {
	critical        float64
	minutes         int
	errors, latency series
	highest         float64
	// ErrorIncrease and LatencyIncrease are how many times the stable version's mean
	// error rate and latency the canary's may be; 0 leaves the means alone.
	ErrorIncrease, LatencyIncrease float64
}

// series are the values of one metric.
type series struct{ canary, stable []float64 }

// NewKayenta returns the rule for a release.
func NewKayenta(critical float64) *Kayenta {
	return &Kayenta{critical: critical, highest: math.Inf(-1)}
}

// Name implements Rule.
func (*Kayenta) Name() string { return "Kayenta" }

// Look implements Rule.
func (k *Kayenta) Look(m Minute) Action {
	if !m.Missing {
		k.errors.add(m, Seen.rate)
		k.latency.add(m, func(s Seen) float64 { return s.Latency })
	}
	if k.minutes++; k.minutes%KayentaEvery != 0 {
		return Go
	}
	k.highest = max(k.highest, k.errors.clear(k.ErrorIncrease), k.latency.clear(k.LatencyIncrease))
	if k.highest > k.critical {
		return RollBack
	}
	return Go
}

// Highest is the greatest statistic of any judgement: with a critical value below
// it the canary would have been rolled back.
func (k *Kayenta) Highest() float64 { return k.highest }

func (s *series) add(m Minute, of func(Seen) float64) {
	if m.Canary.Units > 0 {
		s.canary = append(s.canary, of(m.Canary))
	}
	if m.Stable.Units > 0 {
		s.stable = append(s.stable, of(m.Stable))
	}
}

// clear is the statistic of the hypothesis that the canary lies above the stable
// version by just the tolerated part of the estimated difference. The lower end of
// the confidence interval lies above that part if this exceeds the critical value.
func (s *series) clear(allowed float64) float64 {
	if len(s.canary) == 0 || len(s.stable) == 0 || slices.Equal(s.canary, s.stable) {
		return math.Inf(-1)
	}
	if mean(s.canary) < allowed*mean(s.stable) {
		return math.Inf(-1)
	}
	plain := MannWhitney(s.canary, s.stable, 0)
	if plain <= 0 {
		return plain
	}
	return MannWhitney(s.canary, s.stable, kayentaTolerance*math.Abs(Shift(s.canary, s.stable)))
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// MannWhitney is the standardised rank sum of x − shift against y, with corrections
// for ties and for continuity.
func MannWhitney(x, y []float64, shift float64) float64 {
	wins := 0.0
	all := slices.Clone(y)
	for _, a := range x {
		a -= shift
		all = append(all, a)
		for _, b := range y {
			switch {
			case a > b:
				wins++
			case a == b:
				wins += 0.5
			}
		}
	}
	m, n := float64(len(x)), float64(len(y))
	z := wins - m*n/2
	switch {
	case z > 0:
		z -= 0.5
	case z < 0:
		z += 0.5
	}
	variance := m * n / 12 * ((m + n + 1) - ties(all)/((m+n)*(m+n-1)))
	if variance <= 0 {
		return 0
	}
	return z / math.Sqrt(variance)
}

// ties is Σ(t³ − t) over the groups of equal values.
func ties(all []float64) float64 {
	slices.Sort(all)
	sum, t := 0.0, 1.0
	for i := 1; i <= len(all); i++ {
		if i < len(all) && all[i] == all[i-1] {
			t++
			continue
		}
		sum += t*t*t - t
		t = 1
	}
	return sum
}

// Shift is the median of all differences between the two (Hodges and Lehmann).
func Shift(x, y []float64) float64 {
	var all []float64
	for _, a := range x {
		for _, b := range y {
			all = append(all, a-b)
		}
	}
	slices.Sort(all)
	middle := len(all) / 2
	if len(all)%2 == 1 {
		return all[middle]
	}
	return (all[middle-1] + all[middle]) / 2
}
