package release

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// TestExploreFinds breaks the rules one by one, and wants the exploration to see
// each, with a way that shows how.
func TestExploreFinds(t *testing.T) {
	for name, c := range map[string]struct {
		mutation mutation
		want     string
		replicas int
	}{
		"a promotion without a proof": {mutation{decide: func(a *App, w World) *Event {
			r := a.current()
			if e := a.Decide(w); e != nil || r == nil || a.busy() || r.Phase != PhaseCanary || r.Stop != nil || r.units < StepUnits {
				return e
			}
			return a.beyond(r)
		}}, "a version goes on without a proof or anybody's word", 1},
		"a verdict that is not heard": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Verdict != nil && !a.busy() && r.waived && r.Stop == nil && r.Phase == PhaseCanary {
				return a.beyond(r)
			}
			return a.Decide(w)
		}}, "a worse version goes on", 1},
		"the old version stopped in the bake": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Phase == PhaseBaking && a.Running[a.Live] && !a.stopping(a.Live) {
				return act(Action{Kind: Stop, Release: a.Live})
			}
			return a.Decide(w)
		}}, "the way back is stopped", 1},
		"traffic before the start": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Phase == PhaseVerified && a.Live != "" && !a.busy() && r.Stop == nil {
				return act(Action{Kind: Route, Release: r.ID, Routing: &Routing{Stable: a.Live, Canary: r.ID, Weight: r.weight(1)}, Step: 1})
			}
			return a.Decide(w)
		}}, "traffic is sent to a version without an instance", 1},
		"more traffic than instances": {mutation{decide: func(a *App, w World) *Event {
			e := a.Decide(w)
			if r := a.current(); e != nil && r != nil && e.Kind == Acting && e.Action.Kind == Start && a.Routing.Canary == r.ID && e.Release == r.ID {
				return act(Action{Kind: Route, Release: r.ID, Routing: &Routing{Stable: a.Live, Canary: r.ID, Weight: BakeWeight}, Step: r.bakeStep()})
			}
			return e
		}}, "a version has fewer instances than its share of the traffic", 2},
		"a start that is not waited for": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Phase == PhaseEnded || r == nil {
				return a.Decide(w)
			}
			if id := a.Current; a.starting(id) && a.routed(id) && !a.stopping(id) && a.current().Stop != nil {
				return act(Action{Kind: Stop, Release: id})
			}
			return a.Decide(w)
		}}, "an instance with traffic was stopped", 2},
		"the weight on the wrong version": {mutation{decide: func(a *App, w World) *Event {
			e := a.Decide(w)
			if e != nil && e.Kind == Acting && e.Action.Kind == Route && e.Action.Routing.Canary != "" {
				r := *e.Action.Routing
				r.Canary = r.Stable
				e = act(Action{Kind: Route, Release: e.Release, Routing: &r, Step: e.Action.Step})
			}
			return e
		}}, "two versions share the traffic that are not the live and the new one", 1},
		"a wish that is not heard": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Stop != nil && a.Routing.Canary == r.ID {
				return nil
			}
			return a.Decide(w)
		}}, "there is no way out", 1},
		"a block that is forgotten": {mutation{admissible: func(a *App, e *Event) error {
			if a.Current != "" || a.Removing {
				return a.admissible(e)
			}
			return nil
		}}, "a blocked plan was submitted", 1},
		"a state that the journal does not have": {mutation{decide: func(a *App, w World) *Event {
			e := a.Decide(w)
			if r := a.current(); e != nil && r != nil && e.Kind == Acting && e.Action.Kind == Start {
				r.lapses++
			}
			return e
		}}, "a crash changes the state", 1},
	} {
		t.Run(name, func(t *testing.T) {
			x := &exploration{cfg: exploredConfig(func(*Config) {}), submissions: 1, mutation: c.mutation, mishaps: 1}
			if c.replicas > 1 {
				x.replicas, x.cfg.Steps = c.replicas, []quantity.Share{0.25}
			}
			found := x.run(t)
			if found == nil || !strings.HasPrefix(found.rule, c.want) {
				t.Fatalf("found %v, want %s", found, c.want)
			}
			t.Logf("after %d states: %s", len(x.parents), found)
		})
	}
}
