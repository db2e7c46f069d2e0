package release_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// Counts that do not come are no evidence: nothing is promoted by silence, and
// when they come again the release goes on.
func TestReliability08WithoutCountsNothingIsPromoted(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.blind = true })
		id := c.submit(t, plan("v2", func(p *release.Plan) {
			p.Release.Undecided, p.Release.Deadline = release.Promote, quantity.Duration(time.Hour)
		})).ID
		time.Sleep(10 * time.Minute)
		if s := c.find(t, id); s.Outcome != "" || s.Step != 1 || w.split(id) != 0.05 {
			t.Fatalf("after ten minutes of silence: %s", dump(s))
		}
		w.change(func() { w.blind = false })
		if s := c.settle(t, id); s.Outcome != release.Live {
			t.Errorf("got %s", dump(s))
		}
	})
}

// A live version without an instance is no way back: the canary waits for it.
func TestReliability12WithoutAWayBackNothingStarts(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.proving = make(chan struct{}) })
		id := c.submit(t, plan("v2")).ID
		synctest.Wait()
		w.change(func() {
			w.failStart["orders-1"] = true
			delete(w.running, "orders-1")
			close(w.proving)
		})
		time.Sleep(time.Minute)
		if s := c.find(t, id); w.split(id) > 0 || s.Outcome != "" {
			t.Fatalf("a release went out with no way back: %s", dump(s))
		}
		w.change(func() { delete(w.failStart, "orders-1") })
		if s := c.settle(t, id); s.Outcome != release.Live {
			t.Errorf("once it was back: %s", dump(s))
		}
	})
}

// A version that dies once it has nearly all traffic is taken back by the bake.
func TestReliability13DyingDuringTheBakeRollsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		for w.split(id) != release.BakeWeight {
			time.Sleep(time.Second)
		}
		w.change(func() { w.errors[id] = 0.5 })
		if s := c.settle(t, id); s.Outcome != release.RolledBack || s.Step != s.Steps+1 {
			t.Errorf("failing: %s", dump(s))
		}
		if v := c.view(t); v.Live != "orders-1" || v.Routing.Stable != "orders-1" {
			t.Errorf("got %s", dump(v))
		}
	})
}

// The wall clock may jump by an hour: what happens, and how long it takes, is the same.
func TestReliability15TheClockJumps(t *testing.T) {
	walk := func(skew time.Duration) (elapsed int64) {
		inBubble(t, func(t *testing.T, w *world, c *control) {
			c.ship(t, plan("v1"))
			id := c.submit(t, plan("v2")).ID
			time.Sleep(5 * time.Second)
			w.change(func() { w.skew = skew })
			s := c.settle(t, id)
			if s.Outcome != release.Live {
				t.Errorf("clock at %s: %s", skew, dump(s))
			}
			elapsed = s.Elapsed
			w.change(func() {
				for i, e := range w.entries {
					if e.Index != int64(i) {
						t.Errorf("entry %d has the index %d", i, e.Index)
					}
				}
			})
		})
		return elapsed
	}
	want := walk(0)
	for _, skew := range []time.Duration{time.Hour, -time.Hour} {
		if got := walk(skew); got < want-2000 || got > want+2000 {
			t.Errorf("clock at %s: %d ms instead of %d", skew, got, want)
		}
	}
}

// When the edge took a routing and its answer was lost, an abort takes the traffic
// away before the instance is stopped.
func TestARoutingThatNobodyKnowsOfIsTakenBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.deaf = true })
		id := c.submit(t, plan("v2")).ID
		w.awaitCanary(id)
		if err := c.Abort(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := w.alive(); !slices.Contains(got, id) {
			t.Errorf("%s was stopped while nobody knew what the edge does: %v", id, got)
		}
		w.change(func() { w.deaf = false })
		if s := c.settle(t, id); s.Outcome != release.Aborted {
			t.Errorf("got %s", dump(s))
		}
		time.Sleep(time.Minute)
		if v := c.view(t); v.Routing.Canary != "" || v.Live != "orders-1" || !slices.Equal(w.alive(), []string{"orders-1"}) {
			t.Errorf("got %s, running %v", dump(v), w.alive())
		}
	})
}
