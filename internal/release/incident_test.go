package release_test

import (
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// both lets the two versions fail alike.
func (w *world) both(rate float64) {
	w.change(func() { w.errors["orders-1"], w.errors["orders-2"] = rate, rate })
}

// What drags both versions down is no reason to roll back, and none to go on.
func TestNothingGoesFurtherInAnIncident(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2", func(p *release.Plan) { p.Release.Deadline = quantity.Duration(time.Hour) })).ID
		w.awaitCanary(id)
		w.both(0.6)
		time.Sleep(90 * time.Second)
		if s := c.find(t, id); s.Outcome != "" || s.Step != 1 || s.Incident < 0.5 {
			t.Fatalf("in the incident: %s", dump(s))
		}
		w.both(0.002)
		if s := c.settle(t, id); s.Outcome != release.Live || s.Incident != 0 {
			t.Errorf("after it: %s", dump(s))
		}
	})
}

// What failed long ago is no incident, also when nobody asks for anything since.
func TestAnIncidentIsOverWhenTrafficIs(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		for w.split(id) != release.BakeWeight {
			time.Sleep(time.Second)
		}
		w.both(0.6)
		time.Sleep(time.Minute)
		if s := c.find(t, id); s.Incident == 0 {
			t.Fatalf("in the incident: %s", dump(s))
		}
		w.change(func() { w.rate = 0 })
		if s := c.settle(t, id); s.Outcome != release.Live {
			t.Errorf("after it: %s", dump(s))
		}
	})
}

func TestNoPolicyPromotesInAnIncident(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.both(0.6)
		s := c.ship(t, plan("v2", func(p *release.Plan) { p.Release.Undecided = release.Promote }))
		if s.Waiting != "held: both versions fail at the deadline" || w.split(s.ID) != 0.05 {
			t.Errorf("got %s", dump(s))
		}
	})
}

// The bake does not end in an incident, and without a guard nothing waits for one.
func TestTheBakeWaitsForTheEndOfAnIncident(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		for w.split(id) != release.BakeWeight {
			time.Sleep(time.Second)
		}
		w.both(0.6)
		time.Sleep(10 * time.Minute)
		if s := c.find(t, id); s.Phase != release.PhaseBaking {
			t.Fatalf("in the incident: %s", dump(s))
		}
		w.both(0)
		if s := c.settle(t, id); s.Outcome != release.Live {
			t.Errorf("after it: %s", dump(s))
		}
	})
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.both(0.6)
		unguarded := func(p *release.Plan) { p.Release.Guard, p.Release.Undecided = 0, release.Promote }
		if s := c.ship(t, plan("v2", unguarded)); s.Outcome != release.Live {
			t.Errorf("without a guard: %s", dump(s))
		}
	})
}
