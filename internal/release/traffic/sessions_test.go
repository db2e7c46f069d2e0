package traffic_test

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// within says whether k of n is what a probability p gives, to five standard
// deviations.
func within(k, n int, p float64) bool {
	return math.Abs(float64(k)-float64(n)*p) <= 5*math.Sqrt(float64(n)*p*(1-p))
}

func TestSessionsAreSplitByWeightAndOnlyMoveToTheCanary(t *testing.T) {
	s := traffic.NewSessions("a", "r2")
	const n = 40_000
	was := make([]bool, n)
	for _, w := range []float64{0, 0.01, 0.05, 0.25, 0.5, 0.95, 1} {
		canary := 0
		for i := range n {
			id := fmt.Sprint("user-", i)
			is := s.Canary(id, w)
			if is != s.Canary(id, w) {
				t.Fatalf("%s has two versions at %v", id, w)
			}
			if was[i] && !is {
				t.Fatalf("%s left the canary when its weight rose to %v", id, w)
			}
			was[i] = is
			if is {
				canary++
			}
		}
		if !within(canary, n, w) {
			t.Errorf("at %v the canary has %d of %d sessions", w, canary, n)
		}
	}
}

// A session's draw must tell nothing about its draw for another canary, app or
// key, or the same users would try out everything.
func TestSessionsAreDrawnAnewForEachCanary(t *testing.T) {
	one := traffic.NewSessions("a", "r2")
	for name, other := range map[string]*traffic.Sessions{
		"another key": traffic.NewSessions("a", "r2"), "another canary": one.Of("a", "r3"), "another app": one.Of("b", "r2"),
	} {
		const n = 20_000
		both, first := 0, 0
		for i := range n {
			id := fmt.Sprint(i)
			if one.Canary(id, 0.3) {
				first++
				if other.Canary(id, 0.3) {
					both++
				}
			}
		}
		if !within(both, first, 0.3) {
			t.Errorf("%s: %d of the canary's %d sessions are the other canary's too", name, both, first)
		}
	}
	if again := one.Of("a", "r2"); again.Canary("x", 0.5) != one.Canary("x", 0.5) {
		t.Error("a session has another version after a restart")
	}
}

func TestASessionIsFirstOnce(t *testing.T) {
	s := traffic.NewSessions("a", "r2")
	const n = 100_000
	canary, stable := [2]int{}, [2]int{}
	for i := range n {
		id := fmt.Sprint(i)
		of := &stable
		if s.Canary(id, 0.5) {
			of = &canary
		}
		of[0]++
		if s.First(id) {
			of[1]++
		}
		if s.First(id) {
			t.Fatalf("session %d is first twice", i)
		}
	}
	missed := n - canary[1] - stable[1]
	t.Logf("%d of %d were taken for known", missed, n)
	if missed > n/1000 {
		t.Errorf("%d of %d were taken for known that are not", missed, n)
	}
	if !within(canary[1], canary[1]+stable[1], 0.5) {
		t.Errorf("the canary has %d of the %d counted sessions", canary[1], canary[1]+stable[1])
	}
}

func TestOneOfManyRequestsIsFirst(t *testing.T) {
	s := traffic.NewSessions("a", "r2")
	for i := range 500 {
		var first atomic.Int64
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if s.First(fmt.Sprint(i)) {
					first.Add(1)
				}
			})
		}
		group.Wait()
		if got := first.Load(); got != 1 {
			t.Fatalf("session %d was counted %d times", i, got)
		}
	}
}
