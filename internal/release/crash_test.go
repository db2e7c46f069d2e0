package release_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/release"
)

// TestReliability11CrashAtEveryBoundary kills control at every touch of the world and of the
// journal, boots it again, and wants the end that a life without a crash has.
func TestReliability11CrashAtEveryBoundary(t *testing.T) {
	for _, script := range []struct {
		name   string
		errors float64
		want   release.Outcome
		live   string
	}{
		{"good", 0.005, release.Live, "orders-2"},
		{"bad", 0.4, release.RolledBack, "orders-1"},
	} {
		t.Run(script.name, func(t *testing.T) {
			total := 0
			synctest.Test(t, func(t *testing.T) {
				total = walk(t, 0, script.errors, script.want, script.live)
			})
			if total < 20 {
				t.Fatalf("only %d boundaries: the script does not walk", total)
			}
			for at := 1; at <= total; at++ {
				t.Run(fmt.Sprint(at), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { walk(t, at, script.errors, script.want, script.live) })
				})
			}
		})
	}
}

// walk releases v1 and then v2 in a world where control dies at a boundary, and
// returns how many boundaries there were after v1.
func walk(t *testing.T, killAt int, errors float64, want release.Outcome, live string) int {
	t.Helper()
	w := newWorld(t)
	w.errors["orders-1"], w.errors["orders-2"] = 0.005, errors
	c := w.boot(t)
	c.ship(t, plan("v1"))
	time.Sleep(time.Second)
	w.mu.Lock()
	w.boundary, w.killAt = 0, killAt
	w.mu.Unlock()
	_, err := c.try(t, plan("v2"))
	for lives := 0; ; lives++ {
		if err == nil {
			if s, dead := c.settleOrDie(t); !dead {
				if s.Outcome != want {
					t.Fatalf("ended %s", dump(s))
				}
				break
			}
		}
		if lives > 3 {
			t.Fatal("it does not come to an end")
		}
		if err := <-c.done; err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.killAt = 0
		w.mu.Unlock()
		c = w.boot(t)
		if err != nil { // it died before the submission was accepted
			_, err = c.try(t, plan("v2"))
		}
	}
	boundaries := 0
	w.change(func() { boundaries = w.boundary })
	v := c.view(t)
	if v.Live != live || v.Routing.Stable != live || v.Routing.Canary != "" || !slices.Equal(w.alive(), []string{live}) {
		t.Errorf("at the end %s, running %v", dump(v), w.alive())
	}
	if got := w.route("orders").Routing; got.Stable != live || got.Canary != "" {
		t.Errorf("the edge routes %+v", got)
	}
	c.end(t)
	return boundaries
}

// settleOrDie waits for the end of orders-2, or of control.
func (c *control) settleOrDie(t *testing.T) (s release.Summary, dead bool) {
	t.Helper()
	for range 10_000 {
		select {
		case err := <-c.done:
			c.done <- err
			return s, true
		default:
		}
		if s = c.find(t, "orders-2"); s.Phase == release.PhaseEnded {
			return s, false
		}
		time.Sleep(100 * time.Millisecond) // virtual
		synctest.Wait()
	}
	t.Fatalf("neither ended nor died: %s", dump(s))
	return s, false
}
