package traffic_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// hand is a clock that a test moves.
type hand struct{ now time.Duration }

func (h *hand) clock() time.Duration { return h.now }

func key(app string, route uint64) traffic.Key {
	return traffic.Key{App: app, Route: route, Weight: 0.25}
}

func units(ok, failed uint64) traffic.Counts { return traffic.Counts{Units: []uint64{ok, failed}} }

func TestCohortsAreInTheOrderOfClaims(t *testing.T) {
	var h hand
	r := traffic.NewRecorder(h.clock)
	slow := r.Claim(key("a", 1), false)
	r.Claim(key("a", 1), true).Score(traffic.Failed, 0)
	h.now = traffic.TickLength
	r.Claim(key("a", 1), true).Score(traffic.OK, 0)
	r.Claim(key("b", 9), false).Score(traffic.OK, 0)
	h.now = 3 * traffic.TickLength
	got := r.Read("", 0)
	if len(got.Cohorts) != 1 || got.Cohorts[0].App != "b" {
		t.Fatalf("a cohort overtook one with a request in flight, or held up another app: %+v", got.Cohorts)
	}
	slow.Score(traffic.Failed, 0)
	got = r.Read(got.Epoch, got.Next)
	want := []traffic.Cohort{
		{Seq: 2, App: "a", Route: 1, Tick: 0, Weight: 0.25, Canary: units(0, 1), Stable: units(0, 1)},
		{Seq: 3, App: "a", Route: 1, Tick: 1, Weight: 0.25, Canary: units(1, 0), Stable: units(0, 0)},
	}
	if !reflect.DeepEqual(got.Cohorts, want) {
		t.Errorf("got  %+v\nwant %+v", got.Cohorts, want)
	}
}

func TestCohortStaysOpenForItsTick(t *testing.T) {
	var h hand
	r := traffic.NewRecorder(h.clock)
	r.Claim(key("a", 1), false).Score(traffic.OK, 0)
	h.now = traffic.TickLength - 1
	if got := r.Read("", 0); len(got.Cohorts) != 0 {
		t.Fatalf("closed within its tick: %+v", got.Cohorts)
	}
	r.Claim(key("a", 1), true).Score(traffic.OK, 0)
	h.now = traffic.TickLength
	got := r.Read("", 0)
	if len(got.Cohorts) != 1 || got.Cohorts[0].Canary.Units[traffic.OK] != 1 || got.Cohorts[0].Stable.Units[traffic.OK] != 1 {
		t.Errorf("got %+v, want both units in one cohort", got.Cohorts)
	}
}

func TestCohortKeysAreNotMixed(t *testing.T) {
	var h hand
	r := traffic.NewRecorder(h.clock)
	for _, k := range []traffic.Key{
		{App: "a", Route: 1, Weight: 0.05},
		{App: "a", Route: 1, Weight: 0}, // the lease lapsed
		{App: "a", Route: 2, Weight: 0.25},
	} {
		r.Claim(k, false).Score(traffic.OK, 0)
	}
	h.now = traffic.TickLength
	got := r.Read("", 0).Cohorts
	if len(got) != 3 || got[0].Weight != 0.05 || got[1].Weight != 0 || got[2].Route != 2 {
		t.Errorf("got %+v, want three cohorts in order", got)
	}
}

func TestWhatIsUnfinishedAtTheHorizonHasFailed(t *testing.T) {
	var h hand
	r := traffic.NewRecorder(h.clock)
	late := r.Claim(key("a", 1), true)
	r.Claim(key("a", 1), true).Score(traffic.OK, 0)
	h.now = traffic.TickLength + traffic.Horizon - 1
	if got := r.Read("", 0); len(got.Cohorts) != 0 {
		t.Fatalf("closed before the horizon: %+v", got.Cohorts)
	}
	h.now++
	late.Score(traffic.OK, 0) // nobody swept in between: the horizon holds all the same
	got := r.Read("", 0)
	if len(got.Cohorts) != 1 || !reflect.DeepEqual(got.Cohorts[0].Canary, units(1, 1)) {
		t.Errorf("got %+v, want one unit ok and one failed", got.Cohorts)
	}
}

func TestReadForgetsOnlyWhatIsAcknowledged(t *testing.T) {
	var h hand
	r := traffic.NewRecorder(h.clock)
	for range 3 {
		r.Claim(key("a", 1), false).Score(traffic.OK, 0)
		h.now += traffic.TickLength
	}
	first := r.Read("", 0)
	if len(first.Cohorts) != 3 || first.Next != 3 {
		t.Fatalf("got %+v", first)
	}
	if got := r.Read("of another edge", 3); len(got.Cohorts) != 3 {
		t.Errorf("another epoch acknowledged %d cohorts", 3-len(got.Cohorts))
	}
	if got := r.Read(first.Epoch, 2); len(got.Cohorts) != 1 || got.Cohorts[0].Seq != 3 {
		t.Errorf("after 2: %+v", got.Cohorts)
	}
	if got := r.Read(first.Epoch, 3); len(got.Cohorts) != 0 || got.Next != 3 {
		t.Errorf("after 3: %+v", got)
	}
	if other := traffic.NewRecorder(h.clock).Read("", 0); other.Epoch == first.Epoch {
		t.Error("two recorders share an epoch")
	}
}

func TestRecorderKeepsTheLatestWhenNobodyReads(t *testing.T) {
	var h hand
	r := traffic.NewRecorder(h.clock)
	const made = 10_000
	for range made {
		r.Claim(key("a", 1), false).Score(traffic.OK, 0)
		h.now += traffic.TickLength
	}
	got := r.Read("", 0)
	if n := len(got.Cohorts); n != 8192 || got.Cohorts[n-1].Seq != made || got.Cohorts[0].Seq != made-8192+1 {
		t.Errorf("kept %d, from %d to %d", n, got.Cohorts[0].Seq, got.Cohorts[n-1].Seq)
	}
}

// Every claim is in exactly one cohort, whatever the order of outcomes, and the
// ticks of an app never fall.
func TestEveryClaimIsCountedOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h hand
	r := traffic.NewRecorder(h.clock)
	var open []traffic.Unit
	const claims = 5000
	for range claims {
		h.now += time.Duration(rng.IntN(40)) * time.Millisecond
		open = append(open, r.Claim(key("a", uint64(h.now/(7*time.Second))), rng.IntN(2) == 0))
		for len(open) > 0 && rng.IntN(3) > 0 {
			i := rng.IntN(len(open))
			open[i].Score(traffic.Outcome(rng.IntN(2)), 0)
			open[i] = open[len(open)-1]
			open = open[:len(open)-1]
		}
	}
	h.now += time.Hour
	var sum uint64
	tick := int64(-1)
	for i, c := range r.Read("", 0).Cohorts {
		if c.Seq != uint64(i+1) || c.Tick < tick {
			t.Fatalf("cohort %d has sequence %d, tick %d after %d", i, c.Seq, c.Tick, tick)
		}
		tick = c.Tick
		n := c.Canary.Units[0] + c.Canary.Units[1] + c.Stable.Units[0] + c.Stable.Units[1]
		if n == 0 {
			t.Fatalf("cohort %d is empty", i)
		}
		sum += n
	}
	if sum != claims {
		t.Errorf("%d units of %d claims", sum, claims)
	}
}
