package release

import (
	"slices"
	"time"
)

// recent is what came of both versions' requests lately, oldest first.
type recent []sample

// sample is what was counted at one moment.
type sample struct {
	elapsed       int64 // milliseconds
	units, errors int64
}

// with returns r with the cohorts of this moment, and without what is older than
// the window, in milliseconds.
func (r recent) with(elapsed int64, cohorts []Cohort, window int64) recent {
	now := sample{elapsed: elapsed}
	for _, c := range cohorts {
		now.units += c.Canary.Total() + c.Stable.Total()
		now.errors += c.Canary.Errors() + c.Stable.Errors()
	}
	return append(slices.Clone(r.since(elapsed-window)), now)
}

// since returns what came after a moment.
func (r recent) since(elapsed int64) recent {
	for len(r) > 0 && r[0].elapsed <= elapsed {
		r = r[1:]
	}
	return r
}

// leastWindow is how far back an incident is looked for at least, in milliseconds.
const leastWindow = 10_000

// window is how far back an incident is looked for: over a dwell.
func (r *Release) window() int64 {
	return max(leastWindow, r.Plan.Release.Dwell.Std().Milliseconds())
}

// incident is, after so much of its running time, the share of both versions' requests that failed lately, 0 while it
// is not above the guard. What drags both down, such as a database that they
// share, is no evidence against the new one; but nothing goes further meanwhile.
func (r *Release) incident(now time.Duration) float64 {
	guard := r.Plan.Release.Guard.Float()
	var units, errors int64
	for _, s := range r.recent.since(now.Milliseconds() - r.window()) {
		units, errors = units+s.units, errors+s.errors
	}
	if guard == 0 || units < StepUnits {
		return 0
	}
	if share := float64(errors) / float64(units); share > guard {
		return share
	}
	return 0
}
