package release

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/release/others"
)

// Explanation is how the evidence about a release grew, by a replay of the journal.
type Explanation struct {
	Release string  `json:"release"`
	App     string  `json:"app"`
	Phase   Phase   `json:"phase"`
	Outcome Outcome `json:"outcome,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	// Verdict is what the replay comes to; none without a canary. Journaled is what the
	// journal says of the moment of the last decision, which the replay has to give, too.
	Verdict   *analysis.Verdict `json:"verdict,omitempty"`
	Journaled *analysis.Verdict `json:"journaled,omitempty"`
	Agrees    bool              `json:"agrees"`
	// Compacted says that the counts are gone, so that there is nothing to replay:
	// the journal keeps the verdict that they gave, and their hashes.
	Compacted bool `json:"compacted,omitempty"`

	Points  []Moment `json:"points,omitempty"`  // thinned out
	Entries []Step   `json:"steps,omitempty"`   // when each step began
	Decided *Moment  `json:"decided,omitempty"` // when it first was worse or not worse
	// Remaining is how long it takes until a decision, if things go on as they are: 0
	// when it is decided, and when nothing leads there.
	Remaining int64 `json:"remaining_ms,omitempty"`

	Components []analysis.Component `json:"components,omitempty"` // the strongest alternatives
	Parts      []analysis.Part      `json:"parts,omitempty"`      // of the strongest one, by class
	// Others is what other tools' rules would have done with the errors of the same
	// traffic, as far as it went. Their rules for latency need other counts.
	Others  []others.Result `json:"others,omitempty"`
	Minutes int             `json:"minutes,omitempty"` // that they saw
}

// Moment is the evidence at one time.
type Moment struct {
	Point
	MirrorE float64       `json:"mirror_e"`
	Kind    analysis.Kind `json:"kind"`
	Units   int64         `json:"units"` // of both versions so far
}

// Step is when a step of the canary began.
type Step struct {
	Step    int     `json:"step"` // from 1
	Weight  float64 `json:"weight"`
	Elapsed int64   `json:"elapsed_ms"`
}

// Explain replays the journal for a release, under way or ended.
func (e *Engine) Explain(ctx context.Context, id string) (Explanation, error) {
	m, summary, err := e.find(id)
	if err != nil {
		return Explanation{}, err
	}
	first := explainer{id: summary.ID, app: NewApp(m.app.Name), ctx: ctx, plans: e.deps.Plans}
	if err := e.deps.Journal.Replay(ctx, first.next); err != nil {
		return Explanation{}, fmt.Errorf("replay journal: %w", err)
	}
	if len(first.components) == 0 || first.components[0].LogE <= 0 {
		return first.explanation(), nil
	}
	// What moved it most is known only at the end: once more, with an account of that.
	again := first
	again.app, again.fold, again.follow = NewApp(m.app.Name), fold{}, &first.components[0]
	if err := e.deps.Journal.Replay(ctx, again.next); err != nil {
		return Explanation{}, fmt.Errorf("replay journal: %w", err)
	}
	return again.explanation(), nil
}

// explainer folds the journal and watches one release.
type explainer struct {
	id     string
	app    *App
	ctx    context.Context //nolint:containedctx // of one replay, whose callback has none
	plans  Plans
	follow *analysis.Component
	fold
}

// fold is what a replay finds out.
type fold struct {
	points     []Moment
	entries    []Step
	decided    *Moment
	replayed   *analysis.Verdict // at the moment of the journaled one
	journaled  *analysis.Verdict
	last       *analysis.Verdict
	components []analysis.Component
	parts      []analysis.Part
	minutes    []others.Minute
	following  bool
}

// next folds an entry, if it is the app's.
func (x *explainer) next(entry Entry) error {
	if entry.App != x.app.Name {
		return nil
	}
	event, err := DecodeEvent(entry)
	if err != nil {
		return err
	}
	if event.Kind == Submitted {
		if event.Plan, err = recall(x.ctx, x.plans, event); err != nil {
			return err
		}
	}
	if event.Release == x.id && event.Verdict != nil {
		x.journaled, x.replayed = event.Verdict, x.last
	}
	if err := x.app.Next(event); err != nil {
		return err
	}
	if r := x.app.Find(x.id); r != nil && event.Release == x.id {
		x.watch(r, event)
	}
	return nil
}

// watch looks at the release after an event.
func (x *explainer) watch(r *Release, event Event) {
	if r.test == nil {
		return
	}
	if x.follow != nil && !x.following {
		r.test.Follow(x.follow.Name, x.follow.Step)
		x.following = true
	}
	if n := len(x.entries); n == 0 || x.entries[n-1].Step != r.Step {
		x.entries = append(x.entries, Step{Step: r.Step, Weight: r.weight(r.Step), Elapsed: r.Elapsed})
	}
	if event.Kind != Counted {
		return
	}
	x.count(r, event.Batch)
	verdict := *r.Verdict
	x.last = &verdict
	m := Moment{
		Point:   Point{Elapsed: r.Elapsed, LogE: verdict.LogE, Weight: x.app.share(r.ID)},
		MirrorE: verdict.MirrorE, Kind: verdict.Kind, Units: verdict.Canary.Total() + verdict.Stable.Total(),
	}
	if m.Kind != analysis.Undecided && x.decided == nil {
		x.decided = &m
	}
	x.points = append(x.points, m)
	x.components, x.parts = r.test.Components(strongest), r.test.Parts()
}

// strongest is how many alternatives an explanation names.
const strongest = 3

// count adds a batch to the minute of the release in which it was journaled.
func (x *explainer) count(r *Release, batch *Batch) {
	minute := int((r.Elapsed - r.begun) / 60_000)
	for len(x.minutes) <= minute {
		x.minutes = append(x.minutes, others.Minute{})
	}
	m := &x.minutes[minute]
	for _, c := range batch.Cohorts {
		m.Canary.Units += c.Canary.Total()
		m.Canary.Failed += c.Canary.Errors()
		m.Stable.Units += c.Stable.Total()
		m.Stable.Failed += c.Stable.Errors()
	}
}

func (x *explainer) explanation() Explanation {
	r := x.app.Find(x.id)
	out := Explanation{
		Release: r.ID, App: r.App, Phase: r.Phase, Outcome: r.Outcome, Reason: r.Reason,
		Verdict: x.last, Journaled: x.journaled, Agrees: agree(x.journaled, x.replayed),
		Points: thinned(x.points), Entries: x.entries, Decided: x.decided,
		Components: x.components, Parts: x.parts,
	}
	if x.last == nil && x.journaled != nil { // only counts give a verdict
		out.Verdict, out.Compacted, out.Agrees = x.journaled, true, true
	}
	if x.last == nil {
		return out
	}
	for _, rule := range others.All() {
		out.Others = append(out.Others, others.Replay(rule, x.minutes))
	}
	out.Minutes = len(x.minutes)
	units := x.last.Canary.Total() + x.last.Stable.Total()
	if span := r.Elapsed - r.begun; span > 0 && units > 0 && r.Phase != PhaseEnded && x.last.Needs < never {
		out.Remaining = int64(float64(x.last.Needs) / float64(units) * float64(span))
	}
	return out
}

// never is from where on a need of units leads nowhere.
const never = 1_000_000_000

// agree compares the verdict of the journal with that of the replay. Another
// processor may round the last digits of E in another way.
func agree(journaled, replayed *analysis.Verdict) bool {
	if journaled == nil {
		return true
	}
	if replayed == nil {
		return false
	}
	near := math.Abs(journaled.LogE-replayed.LogE) <= 1e-9*max(1, math.Abs(replayed.LogE))
	return near && journaled.Kind == replayed.Kind &&
		slices.Equal(journaled.Canary.Units, replayed.Canary.Units) &&
		slices.Equal(journaled.Stable.Units, replayed.Stable.Units)
}

// thinned keeps as many points as a trace has, the last among them.
func thinned(points []Moment) []Moment {
	for len(points) > tracePoints {
		half := points[:0:0]
		for i := (len(points) - 1) % 2; i < len(points); i += 2 {
			half = append(half, points[i])
		}
		points = half
	}
	return points
}
