package release

import (
	"fmt"
	"slices"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/verify"
)

// Phase is how far a release has come.
type Phase string

// The phases, in their order. Ending is a release that shall be taken back.
const (
	PhaseSubmitted Phase = "submitted"
	PhaseVerified  Phase = "verified"
	PhaseStarted   Phase = "started"
	PhaseCanary    Phase = "canary"
	PhaseBaking    Phase = "baking"
	PhaseEnded     Phase = "ended"
)

// App is all that is known of an app: a fold over its events.
type App struct {
	Name     string
	Live     string // release that is live, "" when none is
	Back     string // release that was live before, the way back
	Current  string // release under way
	Routing  Routing
	Version  int64 // journal index of the action that set Routing
	Removing bool
	Releases []*Release
	Running  map[string]bool   // releases that may have production instances
	Blocked  map[string]string // plan digest → release that was rolled back
	Pending  map[int64]Action  // acting, not yet acted
	Cursor   Cursor
	unsure   bool // a Route failed: the edge may do what Routing says, or what that action wanted
}

// Cursor is how far the edge's cohorts were journaled.
type Cursor struct {
	Epoch string
	Next  uint64
}

// Release is one attempt to bring a plan to life.
type Release struct {
	ID        string
	App       string
	Plan      Plan
	Digest    string
	Stored    string // digest of the artifact that holds the plan
	Evidence  Evidence
	Actor     string
	BackFrom  string // the live release that this one takes the place of, going back
	Submitted time.Time
	Finished  time.Time

	Phase   Phase
	Step    int // 1 is the first step, len(steps)+1 the bake, 0 before
	Elapsed int64
	entered int64 // Elapsed at the start of the step
	begun   int64 // Elapsed at the start of the canary
	units   int64 // of the canary, scored in this step
	total   int64 // of the canary, scored in all steps

	Report   *verify.Report
	Verdict  *analysis.Verdict
	Approved map[Gate]bool
	Held     string // why it waits for a person
	first    bool   // there was nothing live, so that it has no canary
	paused   string // which person wants it to wait
	waived   bool   // a person or the policy promoted it without proof
	failure  string // why it cannot go on before any traffic was sent to it
	short    string // why it has fewer instances than its traffic needs
	Stop     *Ending
	lapses   int
	reenter  bool

	Outcome Outcome
	Reason  string

	replicas int    // instances that were started
	recent   recent // what came of the requests of both versions lately

	Trace []Point // how the evidence grew, thinned out

	steps map[int64]int // routing version → step
	test  *analysis.Test

	cuts      []time.Duration // of the stable version's latencies; none when they are not compared
	epoch     string          // of the edge, at the last cohort
	firstTick int64           // of the first cohort in it
}

// Point is the evidence at one moment of a release.
type Point struct {
	Elapsed int64   `json:"elapsed_ms"`
	LogE    float64 `json:"log_e"`
	Weight  float64 `json:"weight"`
}

// tracePoints is how many points a trace holds at most; every second one is
// dropped when there are more.
const tracePoints = 160

// trace remembers the evidence of this moment.
func (r *Release) trace(weight float64) {
	r.Trace = append(r.Trace, Point{Elapsed: r.Elapsed, LogE: r.Verdict.LogE, Weight: weight})
	if len(r.Trace) <= tracePoints {
		return
	}
	thinned := r.Trace[:0]
	for i := 0; i < len(r.Trace); i += 2 {
		thinned = append(thinned, r.Trace[i])
	}
	r.Trace = thinned
}

// Ending is the wish to take a release back.
type Ending struct {
	Outcome Outcome
	Reason  string
}

// NewApp returns an app of which nothing is known.
func NewApp(name string) *App {
	return &App{
		Name:    name,
		Running: map[string]bool{},
		Blocked: map[string]string{},
		Pending: map[int64]Action{},
	}
}

// Find returns the release with the given id or plan digest (the newest one).
func (a *App) Find(id string) *Release {
	for _, r := range slices.Backward(a.Releases) {
		if r.ID == id || r.Digest == id {
			return r
		}
	}
	return nil
}

func (a *App) current() *Release {
	if a.Current == "" {
		return nil
	}
	return a.Find(a.Current)
}

// NextID names the release that would be submitted now.
func (a *App) NextID() string { return fmt.Sprintf("%s-%d", a.Name, len(a.Releases)+1) }

// bakeStep is the number of the step after the configured ones.
func (r *Release) bakeStep() int { return len(r.Plan.Release.Steps) + 1 }

// weight is the share of the traffic at a step.
func (r *Release) weight(step int) float64 {
	if step >= r.bakeStep() {
		return BakeWeight
	}
	return r.Plan.Release.Steps[step-1].Float()
}

// Waiting says for whom or what the release waits, "" when it goes on by itself.
func (r *Release) Waiting() string {
	switch {
	case r.Phase == PhaseEnded || r.Stop != nil:
		return ""
	case r.paused != "":
		return "held by " + r.paused
	case r.Held != "" && !r.waived:
		return "held: " + r.Held
	case r.Phase == PhaseVerified && r.gated(BeforeCanary):
		return "approval before the canary"
	case r.gated(BeforeLive) && r.atLastGate():
		return "approval before it goes live"
	}
	return ""
}

func (r *Release) gated(gate Gate) bool {
	return r.BackFrom == "" && r.Plan.Release.Approval == gate && !r.Approved[gate]
}

// atLastGate says whether only an approval can be missing for the bake. A first
// release, which has no canary, stands there as soon as it is started.
func (r *Release) atLastGate() bool {
	if r.Phase == PhaseStarted {
		return r.first
	}
	return r.Phase == PhaseCanary && r.Step == r.bakeStep()-1 && r.proved()
}

// proved says whether the evidence carries the release beyond its last step.
func (r *Release) proved() bool {
	if r.waived {
		return true
	}
	return r.units >= StepUnits && r.Verdict != nil && r.Verdict.Kind == analysis.NotWorse
}
