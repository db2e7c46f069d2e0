package traffic

import "time"

const (
	// TickLength is the grain of a cohort's claim tick.
	TickLength = 250 * time.Millisecond
	// Horizon is how long after the end of its tick a cohort waits for the
	// outcomes of its requests.
	Horizon = 5 * time.Second
	// kept bounds the closed cohorts that wait for control: half an hour of one
	// app with traffic in every tick.
	kept = 8192
)

// Outcome says whether a unit failed.
type Outcome int

// The outcomes.
const (
	OK Outcome = iota
	Failed
)

// Counts are units by outcome class, from good to bad. Where a route has cuts,
// class n is of the units that did not fail and took longer than n of its cuts;
// otherwise the first class is of all of them. The last class is the failure.
type Counts struct {
	Units []uint64 `json:"units"`
}

// Cohort is what became of the requests of one app that were claimed in the
// same tick, under the same route version and the same weight. Requests are
// counted whose route had a stable version and a canary, on the production
// listener, by the outcome of their first attempt.
type Cohort struct {
	Seq    uint64  `json:"seq"` // rises by one within an epoch, over all apps
	App    string  `json:"app"`
	Route  uint64  `json:"route"`  // Route.Version
	Tick   int64   `json:"tick"`   // multiples of TickLength since the edge started
	Weight float64 `json:"weight"` // the canary's share that was in force
	Canary Counts  `json:"canary"`
	Stable Counts  `json:"stable"`
}

// Cohorts is one reading of a Recorder. Cohorts are in the order of their
// sequence numbers; a gap after the one that was asked for means that control
// was away for so long that the oldest were dropped.
type Cohorts struct {
	Epoch   string   `json:"epoch"` // random, new with every start of the edge
	Cohorts []Cohort `json:"cohorts"`
	Next    uint64   `json:"next"` // what to pass as after next time: it acknowledges these
}
