package release_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/analysis"
)

func (c *control) explain(t *testing.T, id string) release.Explanation {
	t.Helper()
	x, err := c.Explain(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestExplainRepeatsTheVerdict: what the journal says of a release that was
// rolled back comes out again, with what it rested on.
func TestExplainRepeatsTheVerdict(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		w.errors["orders-2"] = 0.3
		c.ship(t, plan("v1"))
		s := c.ship(t, plan("v2"))
		x := c.explain(t, s.Plan)
		if !x.Agrees || x.Release != "orders-2" || x.Outcome != release.RolledBack || x.Verdict == nil || x.Verdict.E != s.Verdict.E {
			t.Fatalf("got %s", dump(x))
		}
		if x.Decided == nil || x.Decided.Kind != analysis.Worse || x.Remaining != 0 || len(x.Entries) == 0 || x.Entries[0].Step != 1 {
			t.Errorf("got %s", dump(x))
		}
		last := x.Points[len(x.Points)-1]
		if last.LogE != x.Verdict.LogE || last.Units != x.Verdict.Canary.Total()+x.Verdict.Stable.Total() {
			t.Errorf("the last point is %+v, the verdict %+v", last, x.Verdict)
		}
		if len(x.Parts) == 0 || !x.Parts[0].Canary || x.Parts[0].Class != "failed" || !strings.HasPrefix(x.Components[0].Name, "errors") {
			t.Errorf("moved by %+v, %+v", x.Components, x.Parts)
		}
		if len(x.Others) != 3 || x.Minutes < 1 {
			t.Errorf("others: %+v in %d minutes", x.Others, x.Minutes)
		}
		if first := c.explain(t, "orders-1"); first.Verdict != nil || !first.Agrees {
			t.Errorf("the first release has %+v", first.Verdict)
		}
		if _, err := c.Explain(t.Context(), "orders-9"); err == nil {
			t.Error("an unknown release was explained")
		}
	})
}

// TestExplainOnTheWay: a release under way has no verdict in the journal, and says
// what is missing.
func TestExplainOnTheWay(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		w.errors["orders-1"], w.errors["orders-2"] = 0.005, 0.005
		c.ship(t, plan("v1"))
		s := c.submit(t, plan("v2"))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		x := c.explain(t, s.ID)
		if x.Phase != release.PhaseCanary || x.Journaled != nil || !x.Agrees || x.Decided != nil || len(x.Points) == 0 {
			t.Fatalf("got %s", dump(x))
		}
		if x.Remaining <= 0 || x.Verdict.Needs <= 0 {
			t.Errorf("remaining %d ms, needs %d", x.Remaining, x.Verdict.Needs)
		}
		c.settle(t, s.ID)
		if x := c.explain(t, s.ID); !x.Agrees || x.Journaled == nil || x.Decided == nil || x.Decided.Kind != analysis.NotWorse {
			t.Errorf("got %s", dump(x))
		}
	})
}

// TestExplainNoticesAnotherVerdict: when the journal says what its cohorts do not.
func TestExplainNoticesAnotherVerdict(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		w.errors["orders-2"] = 0.3
		c.ship(t, plan("v1"))
		c.ship(t, plan("v2"))
		w.change(func() {
			for i, e := range w.entries {
				if e.Kind == string(release.Ended) && e.Release == "orders-2" {
					event, err := release.DecodeEvent(e)
					if err != nil {
						t.Fatal(err)
					}
					event.Verdict.LogE++
					if w.entries[i], err = event.Entry(); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		if x := c.explain(t, "orders-2"); x.Agrees {
			t.Error("the journal was believed")
		}
	})
}

// TestExplainOfCompactedEvidence: without its counts a release is what it was, but
// for the course of its evidence, and nothing is made up.
func TestExplainOfCompactedEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.errors["orders-2"] = 0.3
		c := w.boot(t)
		c.ship(t, plan("v1"))
		c.ship(t, plan("v2"))
		c.ship(t, plan("v3"))
		before := c.view(t)
		c.end(t)
		w.change(func() { w.forgot = "orders-2" })
		c = w.boot(t)
		defer c.end(t)
		after := c.view(t)
		for i := range before.Releases {
			before.Releases[i].Trace, after.Releases[i].Trace = nil, nil
		}
		if dump(before) != dump(after) {
			t.Errorf("it was %s, it is %s", dump(before), dump(after))
		}
		x := c.explain(t, "orders-2")
		if !x.Compacted || !x.Agrees || x.Verdict == nil || x.Verdict.Kind != analysis.Worse || len(x.Points) > 0 {
			t.Errorf("got %s", dump(x))
		}
		if x := c.explain(t, "orders-3"); x.Compacted || !x.Agrees || len(x.Points) == 0 {
			t.Errorf("got %s", dump(x))
		}
	})
}
