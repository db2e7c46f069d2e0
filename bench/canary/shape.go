package main

import (
	"math"
	"math/rand/v2"
)

// moment is how things are at one time of a release.
type moment struct {
	load           float64 // times the rate
	canary, stable float64 // error rates
	split          float64 // times the promised weight
	slow, slowLive profile // latencies of the canary and of the stable version
	gap            bool    // nothing is counted
	lost           float64 // share of the canary's counts that a restart takes along
}

// course is how a release goes: what is true at a time in seconds.
type course func(at float64) moment

// shape is a way in which traffic differs from independent draws. Its courses are
// of two versions that are alike, except where the name says otherwise.
type shape struct {
	name string
	// claim says whether davit's bound is claimed for it, and why not where it is not.
	claim bool
	why   string
	// others says that somebody else splits the traffic or keeps the counts, so that
	// davit has not drawn the labels itself.
	others bool
	begin  func(rng *rand.Rand, base, rate float64) course
}

func steady(base float64) moment { return moment{load: 1, canary: base, stable: base, split: 1} }

// always is a shape without anything random.
func always(of func(m *moment, at float64)) func(*rand.Rand, float64, float64) course {
	return func(_ *rand.Rand, base, _ float64) course {
		return func(at float64) moment {
			m := steady(base)
			of(&m, at)
			return m
		}
	}
}

// claimed are the shapes for which a bound is claimed.
func claimed() []shape {
	return []shape{
		{"iid", true, "", false, always(func(*moment, float64) {})},
		{"shared incident", true, "", false, incident},
		{"diurnal", true, "", false, diurnal},
		{"bursty", true, "", false, bursty},
		{"sticky users", true, "", false, stickyUsers},
		{"cold start", true, "", false, always(cold(warmup))},
		{"scrape gap", true, "", false, gap},
		{"counter reset", true, "", true, reset},
		{"wrong w", true, "", true, wrongSplit},
		{"just tolerated", true, "", false, always(func(m *moment, _ float64) {
			m.canary = m.stable + tolerance*(1-m.stable)
			m.slow.more = latencyTolerance
		})},
	}
}

// unclaimed are shapes that break an assumption of the test.
func unclaimed() []shape {
	return []shape{
		{"sticky sessions", false, "a proxy in front assigns sessions and their requests are counted; davit's own edge draws each request, or counts each session once", true, stickySessions},
		{"long cold start", false, "the canary's caches are cold for a minute, and the warm-up is ten seconds: it is slower for that long, and is called so", false, always(cold(60))},
		{"wandering w", false, "the share wanders within a step together with the error rate; there is no bound until the guard has noticed", true, wandering},
	}
}

// warmup is davit's default, in seconds.
const warmup = 10

// cold makes the canary three times slower at first.
func cold(length float64) func(m *moment, at float64) {
	return func(m *moment, at float64) {
		if at < length {
			m.slow = profile{more: 2}
		}
	}
}

// incident makes both versions fail and slow, for one to four minutes.
func incident(rng *rand.Rand, base, _ float64) course {
	from, length := rng.Float64()*(duration-300), 60+rng.Float64()*180
	return func(at float64) moment {
		m := steady(base)
		if at >= from && at < from+length {
			m.canary, m.stable = max(base, 0.4), max(base, 0.4)
			m.slow, m.slowLive = profile{more: 2}, profile{more: 2}
		}
		return m
	}
}

// diurnal moves load and error rate by a day that is as long as the release.
func diurnal(rng *rand.Rand, base, _ float64) course {
	phase := rng.Float64() * 2 * math.Pi
	return func(at float64) moment {
		wave := math.Sin(2*math.Pi*at/duration + phase)
		m := steady(base * (1 + 0.9*wave))
		m.load = 1 + 0.8*wave
		return m
	}
}

// bursty has four times the load in short bursts, with five times the errors.
func bursty(rng *rand.Rand, base, _ float64) course {
	until, high := 0.0, false
	return func(at float64) moment {
		for at >= until {
			high = !high
			until += rng.ExpFloat64() * map[bool]float64{true: 10, false: 50}[high]
		}
		m := steady(base)
		m.load = 0.4
		if high {
			m = steady(min(5*base, 0.5))
			m.load = 4
		}
		return m
	}
}

// user is how often a user asks, in seconds, and for how long.
const user, session = 6, 60

// broken is a birth and death process: how many of the users for whom everything
// fails are there, when they come so often.
type broken struct {
	rng   *rand.Rand
	every float64
	next  float64
	until []float64
}

func newBroken(rng *rand.Rand, every float64) *broken {
	b := &broken{rng: rng, every: every, next: -5 * session}
	b.next += rng.ExpFloat64() * every
	return b
}

func (b *broken) at(at float64) float64 {
	for b.next <= at {
		b.until = append(b.until, b.next+b.rng.ExpFloat64()*session)
		b.next += b.rng.ExpFloat64() * b.every
	}
	n := 0
	for _, until := range b.until {
		if until > at {
			b.until[n] = until
			n++
		}
	}
	b.until = b.until[:n]
	return float64(n)
}

// stickyUsers: an error is a user's, who comes back. The edge draws a version for
// each of the user's requests.
func stickyUsers(rng *rand.Rand, base, rate float64) course {
	users := newBroken(rng, session/(base*rate*user))
	return func(at float64) moment {
		return steady(min(users.at(at)/user/rate, 0.9))
	}
}

// stickySessions: the same, but all requests of a user go to one version.
func stickySessions(rng *rand.Rand, base, rate float64) course {
	var canary, stable *broken
	last := 0.0
	return func(at float64) moment {
		w := weight(at)
		if w != last { // sessions are assigned anew with the weight
			canary, stable = newBroken(rng, session/(base*rate*user*w)), newBroken(rng, session/(base*rate*user*(1-w)))
			canary.next, stable.next = canary.next+at, stable.next+at
			last = w
		}
		m := steady(0)
		m.canary = min(canary.at(at)/user/(rate*w), 0.9)
		m.stable = min(stable.at(at)/user/(rate*(1-w)), 0.9)
		return m
	}
}

// gap: for two minutes nothing that was counted arrives.
func gap(rng *rand.Rand, base, _ float64) course {
	from := rng.Float64() * (duration - 180)
	return func(at float64) moment {
		m := steady(base)
		m.gap = at >= from && at < from+120
		return m
	}
}

// reset: the canary's counters restart every three minutes and take along what was
// not read yet.
func reset(rng *rand.Rand, base, _ float64) course {
	next := rng.ExpFloat64() * 180
	return func(at float64) moment {
		m := steady(base)
		if at >= next {
			m.lost = rng.Float64()
			next = at + rng.ExpFloat64()*180
		}
		return m
	}
}

// wrongSplit: a share from half to twice the promised one reaches the canary.
func wrongSplit(rng *rand.Rand, base, _ float64) course {
	times := math.Exp2(2*rng.Float64() - 1)
	return func(float64) moment {
		m := steady(base)
		m.split = times
		return m
	}
}

// wandering: the share that reaches the canary goes with the errors of both.
func wandering(rng *rand.Rand, base, _ float64) course {
	phase := rng.Float64() * 2 * math.Pi
	return func(at float64) moment {
		wave := math.Sin(2*math.Pi*at/240 + phase)
		m := steady(base * (1 + 0.9*wave))
		m.split = 1 + 0.5*wave
		return m
	}
}

// worse is a canary whose error rate is a multiple of the stable version's from a
// time on.
func worse(ratio, onset float64) func(*rand.Rand, float64, float64) course {
	return always(func(m *moment, at float64) {
		if at >= onset {
			m.canary = min(m.stable*ratio, 0.9)
		}
	})
}

// slower is a canary whose latencies differ.
func slower(p profile) func(*rand.Rand, float64, float64) course {
	return always(func(m *moment, _ float64) { m.slow = p })
}
