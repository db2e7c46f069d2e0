package release

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// World is what a decision knows beside the journal.
type World struct {
	Elapsed   time.Duration     // running time of the release under way
	Instances map[string]Health // by release; nil when nobody looked
	Resting   bool              // instances did not start lately, and are not started again now
	Untidy    bool              // instances could not be stopped lately, and are left alone now
}

// Health is how the production instances of a release are.
type Health struct {
	Instances int    // that there are, and that are not given up
	Ready     int    // of them, those that answer
	Restarts  int    // of all together
	Reason    string // why one is not well, for people
	At        string // where those that are ready answer
}

// Decide returns the event to append next, or nil when there is nothing to do
// before something happens. An Acting event is to be acted on once it is
// written. Decide changes nothing and depends on nothing but its arguments.
func (a *App) Decide(w World) *Event {
	if e := a.tidy(w); e != nil {
		return e
	}
	if a.rerouting() {
		return nil
	}
	if e := a.heal(w); e != nil {
		return e
	}
	if a.busy() {
		return nil
	}
	if a.unsure && a.Routing.Canary == "" {
		return a.insist()
	}
	if r := a.current(); r != nil {
		return a.advance(r, w)
	}
	if a.Removing {
		return a.remove()
	}
	return nil
}

// insist tells the edge once more what it shall do, when an attempt to tell it
// something else came to an end that nobody knows.
func (a *App) insist() *Event {
	routing := a.Routing
	return act(Action{Kind: Route, Routing: &routing})
}

// busy says whether an action is under way that all others have to wait for. The
// end of old instances, which may drain for long, is none, and neither is the
// start of more for a version that has traffic: it can be taken back meanwhile.
func (a *App) busy() bool {
	for _, action := range a.Pending {
		beside := action.Kind == Stop || action.Kind == Start && a.routed(action.Release)
		if !beside {
			return true
		}
	}
	return false
}

// rerouting says whether the edge is being told a routing.
func (a *App) rerouting() bool {
	for _, action := range a.Pending {
		if action.Kind == Route {
			return true
		}
	}
	return false
}

// tidy stops one release's instances that neither have traffic nor will have any.
func (a *App) tidy(w World) *Event {
	if a.unsure || w.Untidy {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(a.Running)) {
		wanted := id == a.Routing.Stable || id == a.Routing.Canary || id == a.Current
		if !wanted && !a.stopping(id) && !a.starting(id) {
			return act(Action{Kind: Stop, Release: id})
		}
	}
	return nil
}

func (a *App) stopping(id string) bool {
	for _, action := range a.Pending {
		if action.Kind == Stop && action.Release == id {
			return true
		}
	}
	return false
}

// heal starts the instances of the live release again that are gone.
func (a *App) heal(w World) *Event {
	id := a.Routing.Stable
	if id == "" || w.Instances == nil || w.Resting || !a.Running[id] || a.starting(id) {
		return nil
	}
	r := a.Find(id)
	if w.Instances[id].Instances >= r.replicas {
		return nil
	}
	return start(r, r.replicas)
}

func (a *App) remove() *Event {
	if a.Routing != (Routing{}) {
		return act(Action{Kind: Route, Routing: &Routing{}})
	}
	if len(a.Running) > 0 {
		return nil
	}
	return &Event{Kind: Removed}
}

// advance moves the release under way by one event.
func (a *App) advance(r *Release, w World) *Event {
	switch {
	case r.Stop != nil:
		return a.takeBack(r)
	case r.failure != "":
		return end(r, Rejected, r.failure)
	case a.Live == r.ID:
		return end(r, Live, "")
	}
	switch r.Phase {
	case PhaseSubmitted, PhaseVerified, PhaseStarted:
		if r.paused != "" {
			return nil
		}
		return a.begin(r, w)
	case PhaseCanary, PhaseBaking:
		return a.watch(r, w)
	default:
		return nil
	}
}

// begin moves a release on that has no traffic yet.
func (a *App) begin(r *Release, w World) *Event {
	switch {
	case r.Phase == PhaseStarted:
		return a.admit(r, w)
	case r.Phase == PhaseSubmitted && r.BackFrom == "":
		return act(Action{Kind: Prove, Release: r.ID})
	case r.Phase == PhaseVerified && r.gated(BeforeCanary):
		return nil
	case a.Live == "" || r.BackFrom != "":
		return start(r, r.Plan.full())
	default:
		return start(r, r.instances(1))
	}
}

// admit sends a started release its first traffic: all of it when there is
// nothing to compare with, or when it is a version that was live before.
func (a *App) admit(r *Release, w World) *Event {
	if a.Live != "" && r.BackFrom == "" {
		if !a.wayBack(w) {
			return nil
		}
		return a.step(r, 1)
	}
	if r.gated(BeforeLive) {
		return nil
	}
	return a.promote(r)
}

// wayBack says whether the live version was seen to be there at full size. Nothing
// goes further without; heal brings it up again.
func (a *App) wayBack(w World) bool {
	return w.Instances[a.Live].Ready >= a.Find(a.Live).replicas
}

// step gives the release its share of the traffic, and before that the instances
// for it.
func (a *App) step(r *Release, step int) *Event {
	if needed := r.instances(step); r.replicas < needed {
		return start(r, needed)
	}
	routing := Routing{Stable: a.Live, Canary: r.ID, Weight: r.weight(step)}
	return act(Action{Kind: Route, Release: r.ID, Routing: &routing, Step: step})
}

func (a *App) promote(r *Release) *Event {
	if r.replicas < r.Plan.full() {
		return start(r, r.Plan.full())
	}
	return act(Action{Kind: Route, Release: r.ID, Routing: &Routing{Stable: r.ID}})
}

// takeBack ends a release: its traffic first, then its name.
func (a *App) takeBack(r *Release) *Event {
	if a.Routing.Canary == r.ID {
		return act(Action{Kind: Route, Release: r.ID, Routing: &Routing{Stable: a.Live}})
	}
	return end(r, r.Stop.Outcome, r.Stop.Reason)
}

// watch looks after a release that has traffic.
func (a *App) watch(r *Release, w World) *Event {
	if reason := r.broken(w); reason != "" {
		return &Event{Kind: Stopped, Release: r.ID, Outcome: RolledBack, Reason: reason, Verdict: r.Verdict}
	}
	if a.starting(r.ID) || a.starting(a.Live) {
		return nil
	}
	if r.paused != "" || (r.Held != "" && !r.waived) {
		if a.unsure {
			return a.step(r, r.Step)
		}
		return nil
	}
	if !a.wayBack(w) {
		return nil
	}
	if r.reenter {
		if r.lapses > 1 {
			return hold(r, "control was silent for longer than the lease, twice")
		}
		return a.step(r, r.Step)
	}
	switch {
	case r.Phase == PhaseBaking:
		return a.bake(r, w)
	case r.waived:
		return a.beyond(r)
	default:
		return a.compare(r, w)
	}
}

// compare leads a canary through its steps.
func (a *App) compare(r *Release, w World) *Event {
	if r.atLastGate() && r.gated(BeforeLive) {
		return nil
	}
	if since(w, r.begun) >= r.Plan.Release.Deadline.Std() {
		return a.deadline(r, w)
	}
	if since(w, r.entered) < r.Plan.Release.Dwell.Std() || r.units < StepUnits || r.incident(w.Elapsed) > 0 {
		return nil
	}
	if r.Step < r.bakeStep()-1 {
		return a.step(r, r.Step+1)
	}
	if !r.proved() {
		return nil
	}
	return a.beyond(r)
}

// broken says why the new version has to go at once, "" when it need not.
func (r *Release) broken(w World) string {
	if v := r.Verdict; v != nil && v.Kind == analysis.Worse {
		return fmt.Sprintf("worse than the live version (%s): E = %.4g reached %.4g, canary %d of %d failed, live %d of %d",
			v.Mover, v.E, v.Bound, v.Canary.Errors(), v.Canary.Total(), v.Stable.Errors(), v.Stable.Total())
	}
	if r.short != "" || w.Instances == nil {
		return r.short
	}
	which := "its instance"
	if r.replicas > 1 {
		which = "one of its instances"
	}
	health := w.Instances[r.ID]
	switch {
	case health.Restarts > 0:
		return because(which+" ended", health.Reason)
	case health.Instances < r.replicas:
		return because(which+" is gone", health.Reason)
	case health.Ready < r.replicas:
		return because(which+" is not well", health.Reason)
	}
	return ""
}

func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ": " + reason
}

// beyond leaves the last step: to the bake, or to the end where there is none.
func (a *App) beyond(r *Release) *Event {
	if r.Plan.Release.Bake == 0 {
		return a.promote(r)
	}
	return a.step(r, r.bakeStep())
}

func (a *App) bake(r *Release, w World) *Event {
	if since(w, r.entered) < r.Plan.Release.Bake.Std() || (r.incident(w.Elapsed) > 0 && !r.waived) {
		return nil
	}
	return a.promote(r)
}

// deadline applies the policy. No data is never good data: without any scored
// request it always holds.
func (a *App) deadline(r *Release, w World) *Event {
	if r.total == 0 {
		return hold(r, "no traffic reached the new version before the deadline")
	}
	switch r.Plan.Release.Undecided {
	case Rollback:
		return &Event{
			Kind: Stopped, Release: r.ID, Outcome: RolledBack, Verdict: r.Verdict,
			Reason: "undecided at the deadline, and the policy is to roll back",
		}
	case Promote:
		if r.incident(w.Elapsed) > 0 {
			return hold(r, "both versions fail at the deadline")
		}
		return a.beyond(r)
	default:
		return hold(r, "undecided at the deadline")
	}
}

func since(w World, start int64) time.Duration {
	return w.Elapsed - time.Duration(start)*time.Millisecond
}

func act(action Action) *Event {
	return &Event{Kind: Acting, Release: action.Release, Action: &action}
}

func hold(r *Release, reason string) *Event {
	return &Event{Kind: Held, Release: r.ID, Reason: reason, Verdict: r.Verdict}
}

func end(r *Release, outcome Outcome, reason string) *Event {
	return &Event{Kind: Ended, Release: r.ID, Outcome: outcome, Reason: reason, Verdict: r.Verdict}
}
