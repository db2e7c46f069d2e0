package release_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/release"
)

// A person can keep a release where it is, for as long as it takes.
func TestAPersonHoldsARelease(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		w.awaitCanary(id)
		if err := c.Resume(t.Context(), id, "ada"); refusal(t, err, release.CodeState).Message != id+" is not held" {
			t.Errorf("resumed before it was held: %v", err)
		}
		if err := c.Hold(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // beyond its deadline
		if s := c.find(t, id); s.Waiting != "held by ada" || !s.Paused || s.Step != 1 || w.split(id) != 0.05 {
			t.Fatalf("after an hour: %s", dump(s))
		}
		refusal(t, c.Hold(t.Context(), id, "eve"), release.CodeState)
		if r := refusal(t, c.Approve(t.Context(), id, "eve"), release.CodeState); r.Hint == "" {
			t.Error("no hint how to go on")
		}
		if err := c.Resume(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		if s := c.settle(t, id); s.Outcome != release.Live {
			t.Errorf("got %s", dump(s))
		}
		refusal(t, c.Hold(t.Context(), id, "ada"), release.CodeState)
	})
}

func TestAHeldReleaseBeforeItsTraffic(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.proving = make(chan struct{}) })
		id := c.submit(t, plan("v2")).ID
		synctest.Wait()
		if err := c.Hold(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		w.change(func() { close(w.proving) })
		time.Sleep(time.Minute)
		if s := c.find(t, id); s.Phase != release.PhaseVerified || w.instances(id) != 0 {
			t.Fatalf("it went on: %s", dump(s))
		}
		if err := c.Resume(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		if s := c.settle(t, id); s.Outcome != release.Live {
			t.Errorf("got %s", dump(s))
		}
	})
}

// What a person holds is still taken back when it is worse.
func TestAHeldReleaseThatIsWorse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		w.awaitCanary(id)
		if err := c.Hold(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		w.change(func() { w.errors[id] = 0.5 })
		time.Sleep(time.Minute)
		if s := c.settle(t, id); s.Outcome != release.RolledBack {
			t.Errorf("got %s", dump(s))
		}
	})
}

// The edge takes the next step while a person holds the release, and its answer is
// lost: it is told again where the release stands, so that what it counts counts.
func TestAHeldReleaseWhoseRoutingNobodyKnows(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		w.awaitCanary(id)
		w.change(func() { w.deaf = true })
		for w.split(id) != 0.25 {
			time.Sleep(100 * time.Millisecond)
		}
		if err := c.Hold(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		w.change(func() { w.deaf, w.errors[id] = false, 0.5 })
		if s := c.settle(t, id); s.Waiting == "" && s.Outcome != release.RolledBack {
			t.Fatalf("got %s", dump(s))
		}
		time.Sleep(time.Minute)
		if s := c.settle(t, id); s.Outcome != release.RolledBack {
			t.Errorf("got %s", dump(s))
		}
	})
}

// One that waits for want of a proof can be let look on, instead of through.
func TestAnUndecidedReleaseLooksOn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.blind = true })
		s := c.ship(t, plan("v2"))
		if s.Waiting == "" || !s.Resumable || s.Paused {
			t.Fatalf("without counts: %s", dump(s))
		}
		w.change(func() { w.blind = false })
		if err := c.Resume(t.Context(), s.ID, "ada"); err != nil {
			t.Fatal(err)
		}
		if s = c.settle(t, s.ID); s.Outcome != release.Live {
			t.Errorf("got %s", dump(s))
		}
	})
}
