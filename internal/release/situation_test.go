package release

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/verify"
)

// situation is an app, the part of the world that it acts on, and what is left
// of the bounds. Situations are copied, never changed, once they are visited.
type situation struct {
	app     *App
	journal []Event
	elapsed int64 // of the stopwatch, in milliseconds

	edge        Routing
	edgeVersion int64
	lapsed      bool
	instances   map[string]Health // that davit started and did not stop
	gone        map[string]bool   // those of them that are lost
	done        map[int64]Result  // pending actions that were carried out and are not journaled
	canceled    map[int64]bool
	word        map[string]bool // releases of which a proof, a person or the policy said that they may be live

	submissions, mishaps, holds int
}

// seen is what the driver lists.
func (s *situation) seen() map[string]Health {
	seen := maps.Clone(s.instances)
	maps.DeleteFunc(seen, func(id string, _ Health) bool { return s.gone[id] })
	return seen
}

func told(e *Event) string {
	if e.Kind != Acting {
		return fmt.Sprintf("%s %s %s %s", e.Kind, e.Release, e.Outcome, e.Reason)
	}
	text := fmt.Sprintf("%s %s", e.Action.Kind, e.Action.Release)
	if r := e.Action.Routing; r != nil {
		text += fmt.Sprintf(" %+v", *r)
	}
	return text
}

// decide journals what davit decided, and holds it against the rules.
func (s *situation) decide(e Event) string {
	if broken := s.forbidden(e); broken != "" {
		return broken
	}
	if e.Kind == Stopped {
		s.interrupt(e.Release)
	}
	return s.record(e)
}

// interrupt is what the machine does to the actions for a release that shall end.
func (s *situation) interrupt(id string) {
	for at, action := range s.app.Pending {
		if action.Release == id && (action.Kind == Prove || action.Kind == Start) {
			s.canceled[at] = true
		}
	}
}

// record journals and folds an event, as the machine does.
func (s *situation) record(e Event) string {
	e.App, e.Index = s.app.Name, int64(len(s.journal))
	if s.app.Current != "" {
		e.Elapsed = s.elapsed
	}
	entry, err := e.Entry()
	if err != nil {
		return err.Error()
	}
	written, err := DecodeEvent(entry)
	if err != nil {
		return err.Error()
	}
	written.Plan = e.Plan
	if e.Kind == Counted {
		s.app = replayed(s.journal) // its test is shared by other situations
	}
	s.journal = append(slices.Clip(s.journal), written)
	if err := s.app.Next(written); err != nil {
		return "an entry does not fold: " + err.Error()
	}
	if e.Kind == Submitted {
		s.elapsed = 0
	}
	return ""
}

func replayed(journal []Event) *App {
	app := NewApp("orders")
	for _, e := range journal {
		if err := app.Next(e); err != nil {
			panic(err) // it was folded before
		}
	}
	return app
}

// actions carries out what is pending, and journals what was carried out.
func (s *situation) actions() []move {
	var moves []move
	for _, at := range slices.Sorted(maps.Keys(s.app.Pending)) {
		action := s.app.Pending[at]
		what := fmt.Sprintf("%s %s", action.Kind, action.Release)
		if result, done := s.done[at]; done || s.canceled[at] {
			if s.canceled[at] {
				result = Result{Canceled: true}
			}
			moves = append(moves, move{what: what + ": the result is journaled", do: func(s *situation) string { return s.finish(at, result) }})
		}
		if _, done := s.done[at]; done {
			continue
		}
		moves = append(moves, move{what: what + ": done", do: func(s *situation) string { return s.carryOut(at) }})
		if s.mishaps > 0 {
			moves = append(moves, s.failures(at, what)...)
		}
	}
	return moves
}

// failures are the ways in which an action can fail. What is told of a routing
// that failed may be wrong: the edge can have it, and its answer be lost.
func (s *situation) failures(at int64, what string) []move {
	fail := func(s *situation) string {
		s.mishaps--
		s.startSome(s.app.Pending[at])
		s.done[at] = Result{Error: "it did not work"}
		return ""
	}
	moves := []move{{what: what + ": fails", mishap: true, do: fail}}
	if s.app.Pending[at].Kind == Route {
		moves = append(moves, move{what: what + ": is done, and told as failed", mishap: true, do: func(s *situation) string {
			if broken := s.carryOut(at); broken != "" {
				return broken
			}
			return fail(s)
		}})
	}
	return moves
}

// startSome is what is left of a start that did not come to its end.
func (s *situation) startSome(action Action) {
	if _, there := s.instances[action.Release]; !there && action.Kind == Start {
		s.instances[action.Release] = Health{Instances: 1, Ready: 1}
	}
}

func (s *situation) carryOut(at int64) string {
	action := s.app.Pending[at]
	result := Result{}
	switch action.Kind {
	case Prove:
		result.Report = &verify.Report{Passed: true}
	case Start:
		s.instances[action.Release] = Health{Instances: action.Replicas, Ready: action.Replicas}
		delete(s.gone, action.Release)
	case Stop:
		if id := action.Release; s.edge.Stable == id || s.edge.Canary == id {
			return "an instance with traffic was stopped"
		}
		delete(s.instances, action.Release)
		delete(s.gone, action.Release)
	case Route:
		if broken := s.unroutable(*action.Routing); broken != "" {
			return broken
		}
		s.route(*action.Routing, at)
		result.Prior = &analysis.Counts{Units: []int64{1000, 5}}
	}
	s.done[at] = result
	return ""
}

func (s *situation) route(r Routing, version int64) {
	if version == s.edgeVersion && r == s.edge {
		return
	}
	s.edge, s.edgeVersion, s.lapsed = r, version, false
}

func (s *situation) finish(at int64, result Result) string {
	action := s.app.Pending[at]
	if result.Canceled {
		s.startSome(action)
	}
	delete(s.done, at)
	delete(s.canceled, at)
	broken := s.record(Event{Kind: Acted, Release: action.Release, At: &at, Result: &result})
	if action.Kind == Start && s.app.routed(action.Release) && result.Error == "" && !result.Canceled && !s.app.rerouting() && !s.app.unsure {
		s.route(s.app.Routing, s.app.Version) // as the machine tells the edge the new addresses
	}
	return broken
}

func (s *situation) time() []move {
	r := s.app.current()
	if r == nil || s.app.Routing.Canary != r.ID {
		return nil
	}
	if s.elapsed-r.entered >= exploredMillis && s.elapsed-r.begun >= 2*exploredMillis {
		return nil // everything that waits for time has waited long enough
	}
	return []move{{what: "time passes", do: func(s *situation) string {
		s.elapsed += exploredMillis
		return ""
	}}}
}

// counts is what the edge scores: too little for a verdict, enough for a good
// one, or enough for a bad one.
func (s *situation) counts() []move {
	r := s.app.current()
	if r == nil || s.app.Routing.Canary != r.ID || s.edge.Canary != r.ID {
		return nil
	}
	if s.lapsed {
		return s.lapse(r)
	}
	var kind analysis.Kind
	if r.Verdict != nil {
		kind = r.Verdict.Kind
	}
	var moves []move
	score := func(what string, units int64, failed bool) {
		moves = append(moves, move{what: "the edge counts " + what, do: func(s *situation) string { return s.score(r.ID, units, failed) }})
	}
	if r.units < StepUnits {
		score("a little", 2*StepUnits, false)
	}
	if kind != analysis.NotWorse && kind != analysis.Worse {
		score("good answers", 3_000, false)
	}
	if kind != analysis.Worse {
		score("errors", 200, true)
	}
	return moves
}

func (s *situation) score(id string, units int64, failed bool) string {
	canary := int64(float64(units) * s.edge.Weight)
	c := Cohort{
		Version: uint64(s.edgeVersion), Weight: s.edge.Weight,
		Canary: analysis.Counts{Units: []int64{canary, 0}}, Stable: analysis.Counts{Units: []int64{units - canary, 0}},
	}
	if failed {
		c.Canary.Units[0], c.Canary.Units[1] = 0, canary
	}
	broken := s.record(Event{Kind: Counted, Release: id, Batch: &Batch{Epoch: "edge", Cohorts: []Cohort{c}}})
	if r := s.app.current(); r.Verdict.Kind == analysis.NotWorse {
		s.word[id] = true
	}
	return broken
}

// lapse tells that the edge took the weight back.
func (s *situation) lapse(r *Release) []move {
	if r.reenter || s.app.busy() || (r.Held != "" && !r.waived) {
		return nil
	}
	return []move{{what: "davit: sees that the lease has lapsed", do: func(s *situation) string {
		return s.record(Event{Kind: Lapsed, Release: r.ID})
	}}}
}

func (s *situation) command(e Event) string {
	switch e.Kind {
	case Submitted:
		if s.app.Blocked[e.Digest] != "" {
			return "a blocked plan was submitted"
		}
		s.submissions--
		e.Release = s.app.NextID()
	case Removing, Unblocked:
		s.submissions--
	case Held, Resumed:
		if e.Kind == Held || s.app.current().paused == "" {
			s.holds--
		}
	case Approved:
		if s.app.current().Held != "" {
			s.word[e.Release] = true
		}
	case Stopped:
		s.interrupt(e.Release)
	default:
	}
	return s.record(e)
}

// accidents are what nobody wants.
func (s *situation) accidents() []move {
	moves := []move{{what: "control crashes and comes back", mishap: true, do: (*situation).crash}}
	accident := func(what string, do func(s *situation)) {
		moves = append(moves, move{what: what, mishap: true, do: func(s *situation) string {
			s.mishaps--
			do(s)
			return ""
		}})
	}
	if s.edge.Canary != "" && !s.lapsed {
		accident("the lease lapses", func(s *situation) { s.lapsed = true })
	}
	for _, id := range []string{s.edge.Stable, s.edge.Canary} {
		if health, there := s.instances[id]; there && !s.gone[id] {
			accident("the instance of "+id+" is lost", func(s *situation) { s.gone[id] = true })
			if health.Restarts == 0 {
				accident("the instance of "+id+" ends and is started again", func(s *situation) {
					health.Restarts = 1
					s.instances[id] = health
				})
			}
		}
	}
	return moves
}

// crash forgets what only the process knew.
func (s *situation) crash() string {
	s.mishaps--
	app := replayed(s.journal)
	if !reflect.DeepEqual(known(app), known(s.app)) {
		return fmt.Sprintf("a crash changes the state from %s to %s", appPrint(s.app, s.elapsed), appPrint(app, s.elapsed))
	}
	s.app, s.done, s.canceled = app, map[int64]Result{}, map[int64]bool{}
	if r := app.current(); r != nil {
		s.elapsed = r.Elapsed
	}
	if app.Routing != (Routing{}) {
		s.route(app.Routing, app.Version)
	}
	return ""
}

// known is all that an app knows; of a test, which holds functions, what it says.
func known(a *App) []any {
	app := *a
	all := []any{&app}
	app.Releases = nil
	for _, r := range a.Releases {
		release := *r
		release.test = nil
		all = append(all, release)
		if r.test != nil {
			all = append(all, r.test.Verdict())
		}
	}
	return all
}

// forbidden says which rule a decision breaks.
func (s *situation) forbidden(e Event) string {
	if e.Kind != Acting {
		return ""
	}
	r := s.app.Find(e.Action.Release)
	switch e.Action.Kind {
	case Start, Prove:
		if by := s.app.Blocked[r.Digest]; by != "" && r.ID == s.app.Current {
			return "a blocked plan is started"
		}
	case Stop:
		if (e.Action.Release == s.app.Live && !s.app.Removing) || e.Action.Release == s.edge.Stable {
			return "the way back is stopped"
		}
	case Route:
		return s.forbiddenRoute(*e.Action.Routing)
	}
	return ""
}

func (s *situation) forbiddenRoute(to Routing) string {
	r := s.app.current()
	if r == nil || s.app.Live == "" || r.BackFrom != "" {
		return ""
	}
	if to.Stable != r.ID && to.Weight != BakeWeight {
		return ""
	}
	policy := r.Plan.Release.Undecided == Promote && s.elapsed-r.begun >= 2*exploredMillis
	switch {
	case !s.word[r.ID] && !policy:
		return "a version goes on without a proof or anybody's word"
	case r.Verdict != nil && r.Verdict.Kind == analysis.Worse:
		return "a worse version goes on"
	}
	return ""
}

// unroutable says why the edge must not be told a routing.
func (s *situation) unroutable(to Routing) string {
	for _, id := range []string{to.Stable, to.Canary} {
		if _, started := s.instances[id]; id != "" && !started {
			return "traffic is sent to a version without an instance"
		}
		share := 1 - to.Weight
		if id == to.Canary {
			share = to.Weight
		}
		if r := s.app.Find(id); r != nil && float64(s.instances[id].Instances) < share*float64(r.Plan.full()) {
			return "a version has fewer instances than its share of the traffic"
		}
	}
	switch {
	case to.Canary == "" && to.Weight != 0, to.Canary != "" && (to.Weight <= 0 || to.Weight >= 1):
		return "a weight is not of anything"
	case to.Canary != "" && (to.Canary == to.Stable || to.Canary != s.app.Current || to.Stable != s.app.Live):
		return "two versions share the traffic that are not the live and the new one"
	}
	return ""
}

// broken says which rule a state breaks.
func (s *situation) broken() string {
	live := 0
	for _, r := range s.app.Releases {
		if r.ID == s.app.Live {
			live++
		}
	}
	switch {
	case s.app.Live != "" && live != 1:
		return "the live version is not one"
	case s.app.Live != "" && !s.app.Removing && s.app.Routing.Stable != s.app.Live:
		return "two versions are live"
	case s.edge != s.app.Routing && !s.underway() && !s.app.unsure:
		return "the edge does what nobody wants any more"
	}
	return ""
}

// resting says whether nothing is under way.
func (s *situation) resting() bool {
	return s.app.Current == "" && len(s.app.Pending) == 0 && !s.app.Removing
}

// left says what runs at rest that nobody needs.
func (s *situation) left() string {
	for id := range s.instances {
		if id != s.app.Live {
			return "an instance is left over"
		}
	}
	return ""
}

// underway says whether the edge does what a pending action wants.
func (s *situation) underway() bool {
	action, pending := s.app.Pending[s.edgeVersion]
	return pending && action.Kind == Route && *action.Routing == s.edge
}

func (s *situation) clone() *situation {
	c := *s
	app := *s.app
	c.app = &app
	app.Running, app.Blocked, app.Pending = maps.Clone(app.Running), maps.Clone(app.Blocked), maps.Clone(app.Pending)
	app.Releases = slices.Clone(app.Releases)
	for i, r := range app.Releases {
		release := *r
		release.Approved, release.steps = maps.Clone(r.Approved), maps.Clone(r.steps)
		app.Releases[i] = &release
	}
	c.instances, c.gone, c.done = maps.Clone(s.instances), maps.Clone(s.gone), maps.Clone(s.done)
	c.canceled, c.word = maps.Clone(s.canceled), maps.Clone(s.word)
	return &c
}

// fingerprint is the same for situations that cannot be told apart by what
// follows. Of the evidence it keeps the verdict, so that two that differ only in
// their counts are explored once.
func (s *situation) fingerprint() string {
	text := appPrint(s.app, s.elapsed)
	text += fmt.Sprint(s.edge, s.lapsed, s.instances, s.gone, s.word, s.submissions, s.mishaps, s.holds)
	for _, at := range slices.Sorted(maps.Keys(s.app.Pending)) {
		result, done := s.done[at]
		text += fmt.Sprint(done, result.Error, s.canceled[at])
	}
	return text
}

func appPrint(a *App, elapsed int64) string {
	var text strings.Builder
	fmt.Fprint(&text, a.Live, "|", a.Back, "|", a.Current, a.Routing, a.unsure, a.Removing, a.Running, len(a.Blocked))
	for _, digest := range slices.Sorted(maps.Keys(a.Blocked)) {
		fmt.Fprint(&text, digest[len("sha256:"):12])
	}
	for _, at := range slices.Sorted(maps.Keys(a.Pending)) {
		fmt.Fprint(&text, told(&Event{Kind: Acting, Action: new(a.Pending[at])}))
	}
	for _, r := range a.Releases {
		fmt.Fprint(&text, "\n", r.ID, r.Digest[len("sha256:"):12], r.Phase, r.BackFrom, r.Outcome)
		if r.Phase != PhaseEnded {
			fmt.Fprint(&text, r.Step, r.Approved, r.Held, r.paused, r.waived, r.failure, r.short, r.replicas, r.incident(time.Duration(elapsed)*time.Millisecond) > 0, r.Stop, min(r.lapses, 2), r.reenter, r.units >= StepUnits, r.total > 0)
			fmt.Fprint(&text, min(elapsed-r.entered, exploredMillis), min(elapsed-r.begun, 2*exploredMillis), elapsed-r.Elapsed)
		}
		if r.Phase != PhaseEnded && r.Verdict != nil {
			fmt.Fprint(&text, r.Verdict.Kind)
		}
	}
	return text.String()
}
