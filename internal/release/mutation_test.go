package release

import (
	"strings"
	"testing"
)

// TestExploreFinds breaks the rules one by one, and wants the exploration to see
// each, with a way that shows how.
func TestExploreFinds(t *testing.T) {
	for name, c := range map[string]struct {
		mutation mutation
		want     string
	}{
		"a promotion without a proof": {mutation{decide: func(a *App, w World) *Event {
			r := a.current()
			if e := a.Decide(w); e != nil || r == nil || a.busy() || r.Phase != PhaseCanary || r.Stop != nil || r.units < StepUnits {
				return e
			}
			return a.beyond(r)
		}}, "a version goes on without a proof or anybody's word"},
		"a verdict that is not heard": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Verdict != nil && !a.busy() && r.waived && r.Stop == nil && r.Phase == PhaseCanary {
				return a.beyond(r)
			}
			return a.Decide(w)
		}}, "a worse version goes on"},
		"the old version stopped in the bake": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Phase == PhaseBaking && a.Running[a.Live] && !a.stopping(a.Live) {
				return act(Action{Kind: Stop, Release: a.Live})
			}
			return a.Decide(w)
		}}, "the way back is stopped"},
		"traffic before the start": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Phase == PhaseVerified && a.Live != "" && !a.busy() && r.Stop == nil {
				return a.step(r, 1)
			}
			return a.Decide(w)
		}}, "traffic is sent to a version without an instance"},
		"the weight on the wrong version": {mutation{decide: func(a *App, w World) *Event {
			e := a.Decide(w)
			if e != nil && e.Kind == Acting && e.Action.Kind == Route && e.Action.Routing.Canary != "" {
				r := *e.Action.Routing
				r.Canary = r.Stable
				e = act(Action{Kind: Route, Release: e.Release, Routing: &r, Step: e.Action.Step})
			}
			return e
		}}, "two versions share the traffic that are not the live and the new one"},
		"a wish that is not heard": {mutation{decide: func(a *App, w World) *Event {
			if r := a.current(); r != nil && r.Stop != nil && a.Routing.Canary == r.ID {
				return nil
			}
			return a.Decide(w)
		}}, "there is no way out"},
		"a block that is forgotten": {mutation{admissible: func(a *App, e *Event) error {
			if a.Current != "" || a.Removing {
				return a.admissible(e)
			}
			return nil
		}}, "a blocked plan was submitted"},
		"a state that the journal does not have": {mutation{decide: func(a *App, w World) *Event {
			e := a.Decide(w)
			if r := a.current(); e != nil && r != nil && e.Kind == Acting && e.Action.Kind == Start {
				r.lapses++
			}
			return e
		}}, "a crash changes the state"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := exploredConfig(func(*Config) {})
			x := &exploration{cfg: cfg, submissions: 1, mutation: c.mutation, mishaps: 1}
			found := x.run(t)
			if found == nil || !strings.HasPrefix(found.rule, c.want) {
				t.Fatalf("found %v, want %s", found, c.want)
			}
			t.Logf("after %d states: %s", len(x.parents), found)
		})
	}
}
