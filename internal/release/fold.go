package release

import (
	"cmp"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// Next folds one event into an app. It is the only place where state changes,
// and it knows no clock, no network and no journal, so that a replay ends in
// the same state. An error means that the journal does not fit together.
func (a *App) Next(e Event) error {
	if e.Kind == Submitted {
		return a.submitted(e)
	}
	if r := a.Find(e.Release); r != nil {
		r.Elapsed = max(r.Elapsed, e.Elapsed)
	}
	switch e.Kind {
	case Acting:
		return a.acting(e)
	case Acted:
		return a.acted(e)
	case Unblocked:
		clear(a.Blocked)
		return nil
	case Removing:
		a.Removing = true
		return nil
	case Removed:
		a.removed()
		return nil
	default:
		return a.steered(e)
	}
}

// steered folds the events that concern the release under way.
func (a *App) steered(e Event) error {
	r := a.current()
	if r == nil || r.ID != e.Release {
		return fmt.Errorf("journal entry %d: %s of %q, which is not under way", e.Index, e.Kind, e.Release)
	}
	switch e.Kind {
	case Counted:
		return a.counted(r, e)
	case Lapsed:
		r.lapses++
		r.reenter = true
	case Approved:
		r.approve()
	case Stopped:
		r.Stop = &Ending{Outcome: e.Outcome, Reason: e.Reason}
		r.Verdict = cmp.Or(e.Verdict, r.Verdict)
	case Held:
		r.hold(e)
	case Resumed:
		r.resume()
	case Ended:
		a.ended(r, e)
	default:
		return fmt.Errorf("journal entry %d has the unknown kind %q", e.Index, e.Kind)
	}
	return nil
}

func (a *App) submitted(e Event) error {
	if e.Plan == nil || a.Current != "" {
		return fmt.Errorf("journal entry %d: a submission that cannot have been accepted", e.Index)
	}
	r := &Release{
		ID: e.Release, App: a.Name, Plan: *e.Plan, Digest: e.Digest, Stored: e.Stored, Actor: e.Actor,
		BackFrom: e.BackFrom, Submitted: e.Time, Phase: PhaseSubmitted,
		Approved: map[Gate]bool{}, steps: map[int64]int{}, first: a.Live == "",
	}
	if e.Evidence != nil {
		r.Evidence = *e.Evidence
	}
	a.Removing = false
	a.Releases = append(a.Releases, r)
	a.Current = r.ID
	return nil
}

func (a *App) acting(e Event) error {
	if e.Action == nil {
		return fmt.Errorf("journal entry %d: an intent without an action", e.Index)
	}
	a.Pending[e.Index] = *e.Action
	return nil
}

func (a *App) acted(e Event) error {
	if e.At == nil || e.Result == nil {
		return fmt.Errorf("journal entry %d: a result without its intent", e.Index)
	}
	action, ok := a.Pending[*e.At]
	if !ok {
		return fmt.Errorf("journal entry %d: the result of entry %d, which intended nothing", e.Index, *e.At)
	}
	delete(a.Pending, *e.At)
	r := a.Find(e.Release)
	switch action.Kind {
	case Prove:
		r.provedInStaging(*e.Result)
	case Start:
		a.started(r, action, *e.Result)
	case Stop:
		if e.Result.Error == "" {
			delete(a.Running, action.Release)
		}
	case Route:
		a.unsure = e.Result.Error != ""
		if !a.unsure {
			return a.rerouted(r, action, e)
		}
	}
	return nil
}

func (r *Release) provedInStaging(result Result) {
	r.Report = result.Report
	switch {
	case result.Canceled:
	case result.Error != "":
		r.failure = result.Error
	case result.Report == nil:
		r.failure = "verification in staging came to nothing"
	case !result.Report.Passed:
		r.failure = "in staging, " + result.Report.Summary()
	default:
		r.Phase = PhaseVerified
	}
}

func (a *App) rerouted(r *Release, action Action, e Event) error {
	a.Routing, a.Version = *action.Routing, *e.At
	if r == nil || a.Current != r.ID {
		return nil
	}
	switch {
	case action.Routing.Canary == r.ID:
		return r.enter(action.Step, *e.At, e)
	case action.Routing.Stable == r.ID:
		a.Back, a.Live = a.Live, r.ID
	}
	return nil
}

// enter begins a step, or begins it again after a lapse.
func (r *Release) enter(step int, version int64, e Event) error {
	if r.Phase == PhaseStarted {
		prior := analysis.Counts{}
		if e.Result.Prior != nil {
			prior = *e.Result.Prior
		}
		test, err := analysis.New(analysis.Config{
			Alpha:     r.Plan.Release.FalseRollback.Float(),
			Tolerance: r.Plan.Release.Tolerance.Errors.Float(),
			Steps:     r.bakeStep(),
			Drawn:     true, // by the edge, which counts them
			Prior:     prior,
		})
		if err != nil {
			return fmt.Errorf("journal entry %d: %w", e.Index, err)
		}
		r.test, r.begun, r.cuts = test, r.Elapsed, e.Result.Cuts
	}
	r.Phase = PhaseCanary
	if step == r.bakeStep() {
		r.Phase = PhaseBaking
	}
	r.Step, r.entered, r.units, r.reenter = step, r.Elapsed, 0, false
	r.steps[version] = step
	return nil
}

func (a *App) counted(r *Release, e Event) error {
	if e.Batch == nil || r.test == nil {
		return fmt.Errorf("journal entry %d: counts without a canary", e.Index)
	}
	a.Cursor = Cursor{Epoch: e.Batch.Epoch, Next: e.Batch.Next}
	for _, c := range e.Batch.Cohorts {
		step, known := r.steps[int64(c.Version)]
		if !known {
			continue
		}
		r.test.Score(analysis.Cohort{
			Step: step - 1, Weight: c.Weight, Canary: c.Canary, Stable: c.Stable, ErrorsOnly: r.warming(e.Batch.Epoch, c),
		})
		units := max(c.Canary.Total(), 0) // as for the test, less than nothing is nothing
		r.total += units
		if step == r.Step {
			r.units += units
		}
	}
	r.recent = r.recent.with(r.Elapsed, e.Batch.Cohorts, r.window())
	verdict := r.test.Verdict()
	r.Verdict = &verdict
	r.trace(a.share(r.ID))
	return nil
}

// warming says whether the canary still warmed up when a cohort was claimed. An
// edge that was started again has cold connections, too.
func (r *Release) warming(epoch string, c Cohort) bool {
	if epoch != r.epoch {
		r.epoch, r.firstTick = epoch, c.Tick
	}
	return time.Duration(c.Tick-r.firstTick)*claimTick < r.Plan.Release.Warmup.Std()
}

// claimTick is the unit of Cohort.Tick.
const claimTick = 250 * time.Millisecond

// approve lets the release pass what it waits for.
func (r *Release) approve() {
	if r.Held != "" {
		r.waived, r.reenter = true, false
		return
	}
	r.Approved[r.Plan.Release.Approval] = true
}

func (a *App) ended(r *Release, e Event) {
	r.Phase, r.Outcome, r.Reason, r.Finished = PhaseEnded, e.Outcome, e.Reason, e.Time
	r.test = nil
	r.Verdict = cmp.Or(e.Verdict, r.Verdict) // the counts may have been compacted
	a.Current = ""
	if e.Outcome == RolledBack {
		a.Blocked[r.Digest] = r.ID
	}
	if e.Outcome == Live && r.BackFrom != "" {
		a.wentBack(r, e)
	}
}

// wentBack marks the release that was live before a person went back from it.
func (a *App) wentBack(r *Release, e Event) {
	from := a.Find(r.BackFrom)
	if from == nil {
		return
	}
	from.Outcome, from.Reason = RolledBack, "taken back by "+e.Release
	a.Blocked[from.Digest] = from.ID
	a.Back = ""
}

func (a *App) removed() {
	a.Live, a.Back, a.Removing = "", "", false
	clear(a.Blocked)
}
