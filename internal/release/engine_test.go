package release_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func TestFirstReleaseGoesLiveWithoutACanary(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		s := c.ship(t, plan("v1"))
		if s.Outcome != release.Live || s.Verdict != nil {
			t.Fatalf("got %s", dump(s))
		}
		if v := c.view(t); v.Live != s.ID || v.Routing.Stable != s.ID || v.Routing.Canary != "" {
			t.Errorf("got %s", dump(v))
		}
	})
}

func TestGoodCanaryWalksTheStepsAndGoesLive(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		w.errors["orders-1"], w.errors["orders-2"] = 0.005, 0.005
		c.ship(t, plan("v1"))
		s := c.ship(t, plan("v2"))
		if s.Outcome != release.Live {
			t.Fatalf("got %s", dump(s))
		}
		if w.split("orders-2") != release.BakeWeight {
			t.Errorf("largest weight was %v", w.split("orders-2"))
		}
		if least := 3*10*time.Second + 20*time.Second; time.Duration(s.Elapsed)*time.Millisecond < least {
			t.Errorf("it took %d ms, steps and bake alone need %s", s.Elapsed, least)
		}
		v := c.view(t)
		if v.Live != "orders-2" || v.Back != "orders-1" || !slices.Equal(w.alive(), []string{"orders-2"}) {
			t.Errorf("got %s, running %v", dump(v), w.alive())
		}
	})
}

func TestBadCanaryIsRolledBackAndItsPlanBlocked(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		w.errors["orders-2"] = 0.3
		c.ship(t, plan("v1"))
		s := c.ship(t, plan("v2"))
		if s.Outcome != release.RolledBack || !strings.Contains(s.Reason, "worse") {
			t.Fatalf("got %s", dump(s))
		}
		if v := c.view(t); v.Live != "orders-1" || v.Routing.Canary != "" || slices.Contains(w.alive(), "orders-2") {
			t.Errorf("got %s, running %v", dump(v), w.alive())
		}
		_, err := c.try(t, plan("v2"))
		if r := refusal(t, err, release.CodeBlocked); r.Release != "orders-2" || !strings.Contains(r.Message, "worse") {
			t.Errorf("the refusal does not say why: %+v", r)
		}
		other := plan("v2", func(p *release.Plan) { p.Run.Env = map[string]string{"FIX": "1"} })
		if s := c.ship(t, other); s.Outcome != release.Live {
			t.Errorf("another configuration of the image was not released: %s", dump(s))
		}
		if err := c.Unblock(t.Context(), "orders", "ada"); err != nil {
			t.Fatal(err)
		}
		c.submit(t, plan("v2"))
	})
}

// A canary that answers, but later than the stable version, is taken back; while
// it warms up that is not held against it.
func TestASlowCanaryIsRolledBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.slow["orders-2"] = true })
		s := c.ship(t, plan("v2", func(p *release.Plan) { p.Release.Warmup = quantity.Duration(5 * time.Second) }))
		if s.Outcome != release.RolledBack || !strings.Contains(s.Reason, "beyond p9") && !strings.Contains(s.Reason, "slower") {
			t.Fatalf("got %s", dump(s))
		}
		if s.Elapsed < 5000 || s.Verdict.Canary.Errors() > 0 {
			t.Errorf("after %d ms, with %+v", s.Elapsed, s.Verdict.Canary)
		}
	})
}

func TestRejectedPlanLeavesTheStableAloneAndMayComeAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.failProof["v2"] = true })
		if s := c.ship(t, plan("v2")); s.Outcome != release.Rejected || slices.Contains(w.alive(), "orders-2") {
			t.Fatalf("got %s", dump(s))
		}
		if v := c.view(t); v.Live != "orders-1" || v.Routing.Stable != "orders-1" {
			t.Errorf("got %s", dump(v))
		}
		w.change(func() { w.failProof["v2"] = false })
		if s := c.ship(t, plan("v2")); s.Outcome != release.Live {
			t.Errorf("got %s", dump(s))
		}
	})
}

func TestAReleaseThatDoesNotStartInProductionIsRejected(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.failStart["orders-2"] = true })
		s := c.ship(t, plan("v2"))
		if s.Outcome != release.Rejected || !strings.Contains(s.Reason, "exit status 2") {
			t.Errorf("got %s", dump(s))
		}
	})
}

func TestReliability13ACanaryWhoseProcessEndsGoesAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		w.change(func() { w.rate = 0 }) // no statistics can help
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		time.Sleep(2 * time.Second)
		w.change(func() { w.restarts[id] = 1 })
		start := time.Now()
		s := c.settle(t, id)
		if s.Outcome != release.RolledBack || time.Since(start) > 2*time.Second {
			t.Errorf("after %s: %s", time.Since(start), dump(s))
		}
	})
}

func TestReliability09WithoutTrafficItHoldsForAPerson(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.rate = 0 })
		promote := plan("v2", func(p *release.Plan) { p.Release.Undecided = release.Promote })
		s := c.ship(t, promote)
		if !strings.Contains(s.Waiting, "no traffic") || s.NeedUnits != release.StepUnits || s.Step != 1 {
			t.Fatalf("got %s", dump(s))
		}
		if err := c.Approve(t.Context(), s.ID, "ada"); err != nil {
			t.Fatal(err)
		}
		if s = c.settle(t, s.ID); s.Outcome != release.Live {
			t.Errorf("after the approval: %s", dump(s))
		}
	})
}

func TestReliability08UndecidedFollowsThePolicy(t *testing.T) {
	for policy, want := range map[release.Policy]release.Outcome{
		release.Rollback: release.RolledBack, release.Promote: release.Live, release.Hold: "",
	} {
		t.Run(string(policy), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, c *control) {
				c.ship(t, plan("v1"))
				w.change(func() { w.rate = 1 }) // too little for a proof before the deadline
				s := c.ship(t, plan("v2", func(p *release.Plan) {
					p.Release.Undecided = policy
					p.Release.Deadline = quantity.Duration(40 * time.Second)
				}))
				if s.Outcome != want || (want == "" && s.Waiting == "") {
					t.Errorf("got %s", dump(s))
				}
			})
		})
	}
}

func TestReliability10ABreachWhileHeldRollsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.rate = 1 })
		s := c.ship(t, plan("v2", func(p *release.Plan) { p.Release.Deadline = quantity.Duration(40 * time.Second) }))
		if s.Waiting == "" {
			t.Fatalf("not held: %s", dump(s))
		}
		w.change(func() { w.rate, w.errors["orders-2"] = 50, 0.5 })
		time.Sleep(30 * time.Second)
		if s = c.find(t, s.ID); s.Outcome != release.RolledBack {
			t.Errorf("got %s", dump(s))
		}
	})
}

func TestAFirstReleaseWaitsForItsApproval(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		s := c.ship(t, plan("v1", func(p *release.Plan) { p.Release.Approval = release.BeforeLive }))
		if !strings.Contains(s.Waiting, "approval") || w.route("orders").Routing.Stable != "" {
			t.Fatalf("got %s", dump(s))
		}
		if err := c.Approve(t.Context(), s.ID, "ada"); err != nil {
			t.Fatal(err)
		}
		if s = c.settle(t, s.ID); s.Outcome != release.Live {
			t.Errorf("got %s", dump(s))
		}
	})
}

func TestApprovals(t *testing.T) {
	for _, gate := range []release.Gate{release.BeforeCanary, release.BeforeLive} {
		t.Run(string(gate), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, c *control) {
				c.ship(t, plan("v1"))
				s := c.ship(t, plan("v2", func(p *release.Plan) { p.Release.Approval = gate }))
				if !strings.Contains(s.Waiting, "approval") {
					t.Fatalf("got %s", dump(s))
				}
				if split := w.split("orders-2"); (gate == release.BeforeCanary && split > 0) || split > 0.5 {
					t.Errorf("it had %v of the traffic before the approval", split)
				}
				if err := c.Approve(t.Context(), s.ID, "ada"); err != nil {
					t.Fatal(err)
				}
				if s = c.settle(t, s.ID); s.Outcome != release.Live {
					t.Errorf("got %s", dump(s))
				}
				err := c.Approve(t.Context(), s.ID, "ada")
				refusal(t, err, release.CodeState)
			})
		})
	}
}

// What stands before its canary does not wait for the approval that follows it:
// whoever believed that would approve without any evidence.
func TestNobodyIsAskedForTheLastApprovalBeforeTheCanary(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.proving = make(chan struct{}) })
		id := c.submit(t, plan("v2", func(p *release.Plan) { p.Release.Approval = release.BeforeLive })).ID
		synctest.Wait()
		w.change(func() { // it stays where it is without a way back
			w.failStart["orders-1"] = true
			delete(w.running, "orders-1")
			close(w.proving)
		})
		time.Sleep(time.Minute)
		if s := c.find(t, id); s.Phase != release.PhaseStarted || s.Waiting != "" {
			t.Errorf("got %s", dump(s))
		}
		refusal(t, c.Approve(t.Context(), id, "ada"), release.CodeState)
	})
}

func TestReliability11ALapseEntersTheStepAgainAndTheSecondHolds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		time.Sleep(5 * time.Second)
		before := w.route("orders").Version
		w.edgeLapses("orders")
		time.Sleep(2 * time.Second)
		if s := c.find(t, id); s.Step != 1 || w.route("orders").Version <= before || w.route("orders").Routing.Weight != 0.05 {
			t.Fatalf("the step was not entered again: %s, %+v", dump(s), w.route("orders"))
		}
		w.edgeLapses("orders")
		if s := c.settle(t, id); !strings.Contains(s.Waiting, "lease") {
			t.Errorf("got %s", dump(s))
		}
	})
}

func TestAbort(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		w.change(func() { w.proving = make(chan struct{}) }) // never closed: only the abort ends it
		id := c.submit(t, plan("v2")).ID
		synctest.Wait()
		if err := c.Abort(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		if s := c.settle(t, id); s.Outcome != release.Aborted {
			t.Fatalf("during verification: %s", dump(s))
		}
		w.change(func() { w.proving = nil })
		id = c.submit(t, plan("v2")).ID // not blocked
		time.Sleep(5 * time.Second)
		if err := c.Abort(t.Context(), id, "ada"); err != nil {
			t.Fatal(err)
		}
		if s := c.settle(t, id); s.Outcome != release.Aborted || c.view(t).Routing.Canary != "" || slices.Contains(w.alive(), id) {
			t.Errorf("during the canary: %s, running %v", dump(s), w.alive())
		}
		err := c.Abort(t.Context(), id, "ada")
		refusal(t, err, release.CodeState)
	})
}

func TestReliability14OneReleaseAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		first := c.submit(t, plan("v2")).ID
		_, err := c.try(t, plan("v3"))
		if r := refusal(t, err, release.CodeUnderWay); r.Release != first {
			t.Errorf("the refusal names %q", r.Release)
		}
		s, err := c.Submit(t.Context(), release.Submission{Plan: plan("v3"), Actor: "eve", Supersede: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.find(t, first).Outcome; got != release.Superseded {
			t.Errorf("the first ended %q", got)
		}
		if s = c.settle(t, s.ID); s.Outcome != release.Live {
			t.Errorf("got %s", dump(s))
		}
		_, err = c.try(t, plan("v3"))
		refusal(t, err, release.CodeUnchanged)
	})
}

func TestRollbackOfTheLiveVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		_, err := c.Rollback(t.Context(), "orders", "ada")
		refusal(t, err, release.CodeNoWayBack)
		c.ship(t, plan("v2"))
		s, err := c.Rollback(t.Context(), "orders", "ada")
		if err != nil {
			t.Fatal(err)
		}
		if s = c.settle(t, s.ID); s.Outcome != release.Live || s.Image.Digest != "v1" {
			t.Fatalf("got %s", dump(s))
		}
		if v := c.view(t); v.Live != s.ID || slices.Contains(w.alive(), "orders-2") || c.find(t, "orders-2").Outcome != release.RolledBack {
			t.Errorf("got %s, running %v", dump(v), w.alive())
		}
		_, err = c.try(t, plan("v2"))
		refusal(t, err, release.CodeBlocked)
	})
}

func TestRollbackOfWhatGoesOut(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		time.Sleep(5 * time.Second)
		if _, err := c.Rollback(t.Context(), "orders", "ada"); err != nil {
			t.Fatal(err)
		}
		if s := c.settle(t, id); s.Outcome != release.RolledBack || !strings.Contains(s.Reason, "ada") {
			t.Errorf("got %s", dump(s))
		}
	})
}

func TestRemove(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		if err := c.Remove(t.Context(), "orders", "ada"); err != nil {
			t.Fatal(err)
		}
		if v := c.view(t); v.Live != "" || len(w.alive()) != 0 || w.route("orders").Routing.Stable != "" {
			t.Errorf("got %s, running %v", dump(v), w.alive())
		}
		if s := c.ship(t, plan("v1")); s.ID != "orders-2" || s.Outcome != release.Live {
			t.Errorf("it did not come back: %s", dump(s))
		}
	})
}

func TestAnInstanceThatIsGoneIsStartedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		s := c.ship(t, plan("v1"))
		w.change(func() { delete(w.running, s.ID) })
		time.Sleep(3 * time.Second)
		if got := w.alive(); !slices.Equal(got, []string{s.ID}) {
			t.Errorf("running: %v", got)
		}
	})
}

func TestHostsBelongToOneApp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		other := plan("x", func(p *release.Plan) { p.App, p.Image.Repository = "bills", "bills" })
		_, err := c.try(t, other)
		refusal(t, err, release.CodeInvalid)
	})
}
