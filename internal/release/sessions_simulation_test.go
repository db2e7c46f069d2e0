package release_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/release/traffic"
)

// crowd is a simulated release to clients that stay: each
// makes several requests, and some fail with all of theirs, whatever their
// version is, as one with a broken account does.
type crowd struct {
	fails float64
	// breaks is how many requests the canary fails on top of that.
	breaks float64
	// perRequest counts each request, which no edge may do under affinity.
	perRequest bool
}

// Mean times between clients, and between the requests of one; and how many
// requests a client makes.
const (
	crowdArrival  = 200 * time.Millisecond
	crowdPause    = 500 * time.Millisecond
	crowdRequests = 40
)

// call is one request of a client.
type call struct {
	at     time.Duration
	client int
	failed bool
}

func (c crowd) calls(rng *rand.Rand) []call {
	spread := func(mean time.Duration) time.Duration {
		return time.Duration(float64(mean) * -math.Log(1-rng.Float64()))
	}
	var calls []call
	end := passageDwell * time.Duration(len(passageSteps()))
	for client, at := 0, spread(crowdArrival); at < end; client, at = client+1, at+spread(crowdArrival) {
		failed := rng.Float64() < c.fails
		for n, next := 0, at; n < crowdRequests && next < end; n, next = n+1, next+spread(crowdPause) {
			calls = append(calls, call{next, client, failed})
		}
	}
	slices.SortStableFunc(calls, func(a, b call) int { return int(a.at - b.at) })
	return calls
}

// foundWorse runs a release and says whether its canary was ever found worse.
func (c crowd) foundWorse(t *testing.T, rng *rand.Rand) bool {
	t.Helper()
	steps := passageSteps()
	test, err := analysis.New(analysis.Config{
		Alpha: passageAlpha, Tolerance: 0.01, Steps: len(steps), Drawn: true,
		Prior: analysis.Counts{Units: []int64{int64(1000 * (1 - c.fails)), int64(1000 * c.fails)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Duration(0)
	recorder := traffic.NewRecorder(func() time.Duration { return now })
	read := reader(recorder, test)
	sessions := traffic.NewSessions("orders", "r2")
	for _, call := range c.calls(rng) {
		if call.at/traffic.TickLength != now/traffic.TickLength && read() {
			return true
		}
		now = call.at
		step := int(call.at / passageDwell)
		id := fmt.Sprint(call.client)
		canary := sessions.Canary(id, steps[step])
		if !c.perRequest && !sessions.First(id) {
			continue
		}
		outcome := traffic.OK
		if call.failed || canary && rng.Float64() < c.breaks {
			outcome = traffic.Failed
		}
		key := traffic.Key{App: "orders", Route: uint64(step) + 1, Weight: steps[step]}
		recorder.Claim(key, canary).Score(outcome, 0)
	}
	now += traffic.TickLength + traffic.Horizon
	return read()
}

// TestSimulationWithSessions shows what the unit is good for: the bound holds when
// sessions are counted, and is lost when their requests are.
func TestSimulationWithSessions(t *testing.T) {
	for name, c := range map[string]struct {
		crowd
		runs  int
		worse bool // it has to be found, nearly always
		lost  bool // the bound is lost
	}{
		"sessions":                 {crowd: crowd{fails: 0.05}, runs: 110},
		"sessions that often fail": {crowd: crowd{fails: 0.3}, runs: 110},
		"worse":                    {crowd: crowd{fails: 0.01, breaks: 0.5}, runs: 20, worse: true},
		"requests":                 {crowd: crowd{fails: 0.3, perRequest: true}, runs: 60, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(13, uint64(len(name))))
			found := 0
			for range c.runs {
				if c.foundWorse(t, rng) {
					found++
				}
			}
			t.Logf("%d of %d were found worse", found, c.runs)
			switch {
			case c.worse && found < c.runs*9/10:
				t.Errorf("only %d of %d were found worse", found, c.runs)
			case c.lost && found < c.runs/4:
				t.Errorf("only %d of %d: this does not show what the unit is good for", found, c.runs)
			case !c.worse && !c.lost && tooMany(found, c.runs):
				t.Errorf("%d of %d same versions were found worse", found, c.runs)
			}
		})
	}
}
