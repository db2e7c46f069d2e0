package release

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/verify"
)

// Kind says what a journal entry of a release is about.
type Kind string

// The kinds. Acting is written before the world is touched and Acted after it;
// an Acting without its Acted is done again after a crash.
const (
	Submitted Kind = "submitted" // a plan was accepted and is the app's release under way
	Acting    Kind = "acting"    // the intent to do Action
	Acted     Kind = "acted"     // what came of the action At
	Counted   Kind = "counted"   // scored cohorts of the edge
	Lapsed    Kind = "lapsed"    // the edge took the weight back because control was silent
	Approved  Kind = "approved"  // a person let it pass a gate, or promoted a held one
	Stopped   Kind = "stopped"   // it shall be taken back: by the verdict, a crash, or a person
	Held      Kind = "held"      // waits for a person: no proof either way, or a person wants it
	Resumed   Kind = "resumed"   // a person lets it go on looking
	Ended     Kind = "ended"     // the release has its outcome
	Unblocked Kind = "unblocked" // a person lifted the block of plans
	Removing  Kind = "removing"  // a person wants the app gone
	Removed   Kind = "removed"   // it is gone
)

// Event is one step in the life of an app. Which fields are set follows from
// its kind. Events are what the journal holds; all state is a fold over them.
type Event struct {
	Index   int64     `json:"-"` // place in the journal
	Time    time.Time `json:"-"` // for people; no decision looks at it
	App     string    `json:"-"`
	Release string    `json:"-"`
	Actor   string    `json:"-"` // who wanted it; "davit" where nobody did
	Kind    Kind      `json:"-"`

	// Elapsed is the running time of the release in milliseconds, by a
	// monotonic clock that stands still while control is down.
	Elapsed int64 `json:"elapsed_ms,omitempty"`

	// Submitted. The plan itself stays in the registry: its environment is
	// nobody's business, and the journal is for everybody.
	Plan     *Plan     `json:"-"`
	Digest   string    `json:"digest,omitempty"` // of the plan
	Stored   string    `json:"stored,omitempty"` // of the artifact that holds it
	Image    *Image    `json:"image,omitempty"`
	Evidence *Evidence `json:"evidence,omitempty"`
	BackFrom string    `json:"back_from,omitempty"` // the live release that it takes the place of, going back

	Action *Action `json:"action,omitempty"` // Acting
	At     *int64  `json:"at,omitempty"`     // Acted: index of its Acting
	Result *Result `json:"result,omitempty"` // Acted

	Batch *Batch `json:"batch,omitempty"` // Counted

	Pause   bool              `json:"pause,omitempty"`   // Held: a person wants it
	Outcome Outcome           `json:"outcome,omitempty"` // Ended, Stopped
	Reason  string            `json:"reason,omitempty"`
	Verdict *analysis.Verdict `json:"verdict,omitempty"` // Held, Ended
}

// ActionKind names what the engine can do to the world.
type ActionKind string

// The actions. All are idempotent: done twice is done once.
const (
	Prove ActionKind = "prove" // staging: start, run the suite, stop
	Start ActionKind = "start" // have Replicas production instances of Release run
	Route ActionKind = "route" // put Routing in force
	Stop  ActionKind = "stop"  // drain and stop all instances of Release
)

// Action is one thing to do.
type Action struct {
	Kind     ActionKind `json:"kind"`
	Release  string     `json:"release,omitempty"`
	Replicas int        `json:"replicas,omitempty"` // Start: how many instances shall run; 0, as in old journals, is 1
	Routing  *Routing   `json:"routing,omitempty"`
	Step     int        `json:"step,omitempty"` // Route during a canary: 1 is the first step
}

// Routing says which releases of an app share its traffic.
type Routing struct {
	Stable string  `json:"stable,omitempty"` // release that has the rest; "" routes nothing
	Canary string  `json:"canary,omitempty"`
	Weight float64 `json:"weight,omitempty"` // of the canary, in [0, 1]
}

// Result is what came of an action.
type Result struct {
	Error    string           `json:"error,omitempty"`
	Canceled bool             `json:"canceled,omitempty"`
	Report   *verify.Report   `json:"report,omitempty"` // Prove
	Prior    *analysis.Counts `json:"prior,omitempty"`  // the first Route of a canary: the stable version's past
	Cuts     []time.Duration  `json:"cuts,omitempty"`   // of its latencies, in nanoseconds; none when they are not compared
}

// Batch is what the edge scored since the last one, in the order of claims.
type Batch struct {
	Epoch   string   `json:"epoch"` // the edge process
	Next    uint64   `json:"next"`  // cursor for the next batch
	Cohorts []Cohort `json:"cohorts,omitempty"`
}

// Cohort is a set of requests that were claimed together. Version is the
// journal index of the Route action under which they were.
type Cohort struct {
	Version uint64          `json:"version"`
	Tick    int64           `json:"tick"` // when they were claimed, in quarters of a second since the edge started
	Weight  float64         `json:"weight"`
	Canary  analysis.Counts `json:"canary"`
	Stable  analysis.Counts `json:"stable"`
}

// Outcome is how a release ended.
type Outcome string

// The outcomes.
const (
	Live       Outcome = "live"
	Rejected   Outcome = "rejected"
	RolledBack Outcome = "rolled_back"
	Aborted    Outcome = "aborted"
	Superseded Outcome = "superseded"
)

// Entry is an event as the journal keeps it.
type Entry struct {
	Index   int64
	Time    time.Time
	App     string
	Release string
	Kind    string
	Actor   string
	Data    json.RawMessage
}

// Entry encodes the event for the journal.
func (e Event) Entry() (Entry, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return Entry{}, fmt.Errorf("encode %s of %s: %w", e.Kind, e.Release, err)
	}
	return Entry{
		Index: e.Index, Time: e.Time, App: e.App, Release: e.Release,
		Kind: string(e.Kind), Actor: e.Actor, Data: data,
	}, nil
}

// DecodeEvent is the inverse of Entry.
func DecodeEvent(entry Entry) (Event, error) {
	var e Event
	if err := json.Unmarshal(entry.Data, &e); err != nil {
		return Event{}, fmt.Errorf("decode journal entry %d: %w", entry.Index, err)
	}
	e.Index, e.Time, e.App = entry.Index, entry.Time, entry.App
	e.Release, e.Actor, e.Kind = entry.Release, entry.Actor, Kind(entry.Kind)
	return e, nil
}
