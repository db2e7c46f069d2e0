package release_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func fourfold(p *release.Plan) { p.Run.Replicas = 4 }

// instances returns how many of a release run.
func (w *world) instances(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[id]
}

// TestInstancesGrowWithTheTraffic: a new version has at least as many instances
// for its share as the live one has for the rest, and all of them before the bake;
// the old one keeps all of its own until the end.
func TestInstancesGrowWithTheTraffic(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1", fourfold))
		if got := w.instances("orders-1"); got != 4 {
			t.Fatalf("%d instances of the first release", got)
		}
		id := c.submit(t, plan("v2", fourfold)).ID
		seen := map[float64]int{}
		for c.find(t, id).Phase != release.PhaseEnded {
			time.Sleep(100 * time.Millisecond) // virtual
			synctest.Wait()
			if weight := w.route("orders").Routing.Weight; weight > 0 && seen[weight] == 0 {
				seen[weight] = w.instances(id)
			}
			if w.route("orders").Routing.Canary == id && w.instances("orders-1") != 4 {
				t.Fatalf("the way back has %d instances", w.instances("orders-1"))
			}
		}
		for weight, want := range map[float64]int{0.05: 1, 0.25: 2, 0.5: 4, release.BakeWeight: 4} {
			if seen[weight] != want {
				t.Errorf("at %v: %d instances, want %d", weight, seen[weight], want)
			}
		}
		if s := c.find(t, id); s.Outcome != release.Live {
			t.Errorf("got %s", dump(s))
		}
		if v := c.view(t); w.instances("orders-1") != 0 || w.instances(id) != 4 {
			t.Errorf("at the end %s, %v", dump(v), w.alive())
		}
	})
}

// A live version that has lost some of its instances gets them back, and the edge
// is told where they answer.
func TestMissingInstancesAreStartedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1", fourfold))
		c.view(t)
		told := 0
		w.change(func() { w.running["orders-1"], told = 2, w.told })
		time.Sleep(6 * time.Second)
		if got := w.instances("orders-1"); got != 4 {
			t.Errorf("%d instances", got)
		}
		w.change(func() {
			if w.told == told {
				t.Error("the edge was not told where the new ones answer")
			}
		})
	})
}

// A live version is looked after while another one is proved, and the edge is told
// where it answers.
func TestMissingInstancesAreStartedBesideAProof(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1", fourfold))
		c.view(t)
		w.change(func() { w.proving = make(chan struct{}) })
		id := c.submit(t, plan("v2", fourfold)).ID
		told := 0
		w.change(func() { w.running["orders-1"], told = 1, w.told })
		time.Sleep(5 * time.Second)
		if s := c.find(t, id); s.Phase != release.PhaseSubmitted || w.instances("orders-1") != 4 {
			t.Errorf("%d instances while %s", w.instances("orders-1"), dump(s))
		}
		w.change(func() {
			if w.told == told {
				t.Error("the edge was not told where the new ones answer")
			}
			close(w.proving)
		})
	})
}

// A live version whose instances do not start keeps nobody from taking a canary back.
func TestARollbackDoesNotWaitForTheLiveVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1", fourfold))
		id := c.submit(t, plan("v2", fourfold)).ID
		w.awaitCanary(id)
		w.change(func() { w.running["orders-1"], w.failStart["orders-1"] = 3, true })
		time.Sleep(5 * time.Minute) // the pauses are as long as they get
		if s := c.find(t, id); s.Outcome != "" {
			t.Fatalf("got %s", dump(s))
		}
		if err := c.Abort(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := w.route("orders").Routing; got.Canary != "" {
			t.Errorf("a tenth of a second later the edge routes %+v", got)
		}
	})
}

// What is left of a start that failed is stopped.
func TestNothingIsLeftOfAStartThatFailed(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		w.change(func() { w.failStart["orders-1"], w.leaves = true, 2 })
		if s := c.ship(t, plan("v1", fourfold)); s.Outcome != release.Rejected {
			t.Errorf("got %s", dump(s))
		}
		c.view(t)
		if got := w.alive(); len(got) > 0 {
			t.Errorf("left are %v", got)
		}
	})
}

// The loss of one of several instances takes a canary back.
func TestACanaryThatLosesAnInstanceIsTakenBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1", fourfold))
		id := c.submit(t, plan("v2", fourfold)).ID
		for w.route("orders").Routing.Weight != 0.5 {
			time.Sleep(time.Second)
		}
		w.change(func() { w.running[id] = 3 })
		if s := c.settle(t, id); s.Outcome != release.RolledBack || !strings.HasPrefix(s.Reason, "one of its instances is gone") {
			t.Errorf("got %s", dump(s))
		}
	})
}

// More traffic waits for more instances. When they do not start, or while they do
// not, the version can be taken back.
func TestMoreInstancesThatDoNotStart(t *testing.T) {
	t.Run("they fail", func(t *testing.T) {
		inBubble(t, func(t *testing.T, w *world, c *control) {
			c.ship(t, plan("v1", fourfold))
			id := c.submit(t, plan("v2", fourfold)).ID
			w.awaitCanary(id)
			w.change(func() { w.failStart[id] = true })
			if s := c.settle(t, id); s.Outcome != release.RolledBack || s.Reason != "starting more instances: exit status 2" {
				t.Errorf("got %s", dump(s))
			}
			if w.split(id) != 0.05 {
				t.Errorf("it got %v of the traffic", w.split(id))
			}
		})
	})
	t.Run("they take their time", func(t *testing.T) {
		inBubble(t, func(t *testing.T, w *world, c *control) {
			c.ship(t, plan("v1", fourfold))
			id := c.submit(t, plan("v2", fourfold, func(p *release.Plan) { p.Release.Deadline = quantity.Duration(time.Hour) })).ID
			w.awaitCanary(id)
			w.change(func() { w.stalled = make(chan struct{}) })
			time.Sleep(time.Minute)
			if s := c.find(t, id); s.Step != 1 || s.Outcome != "" {
				t.Fatalf("it did not wait for its instances: %s", dump(s))
			}
			w.change(func() { w.errors[id] = 0.9 })
			s := c.settle(t, id)
			if s.Outcome != release.RolledBack || !strings.HasPrefix(s.Reason, "worse than the live version") {
				t.Errorf("while they were started: %s", dump(s))
			}
			if v := c.view(t); v.Live != "orders-1" || w.instances(id) != 0 {
				t.Errorf("at the end %s, %v", dump(v), w.alive())
			}
		})
	})
}
