package analysis_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// TestTheAccountAddsUp: what the classes added is all that the component has, but
// for what another split explains, and the failures of a bad canary come first.
func TestTheAccountAddsUp(t *testing.T) {
	past := analysis.Counts{Units: []int64{500, 250, 150, 50, 40, 8, 2, 5}}
	run := func(follow analysis.Component) *analysis.Test {
		test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: past})
		test.Follow(follow.Name, follow.Step)
		rng := rand.New(rand.NewPCG(13, 13))
		for i := range 200 {
			c := draw(rng, cell{i / 50, 20, 0.005, 0.05})
			for _, counts := range []*analysis.Counts{&c.Canary, &c.Stable} {
				units := make([]int64, analysis.LatencyClasses)
				units[rng.IntN(7)], units[7] = counts.Units[0], counts.Units[1]
				counts.Units = units
			}
			c.ErrorsOnly = i < 20
			test.Score(c)
		}
		return test
	}
	best := run(analysis.Component{}).Components(3)[0]
	test := run(best)
	if got := test.Components(1)[0]; got != best {
		t.Fatalf("following changed it: %+v, %+v", got, best)
	}
	sum, units := 0.0, int64(0)
	for _, p := range test.Parts() {
		sum += p.LogE
		units += p.Units
	}
	v := test.Verdict()
	if best.Step == 0 && units != v.Canary.Total()+v.Stable.Total() {
		t.Errorf("%d units in the account of %+v, %d scored", units, best, v.Canary.Total()+v.Stable.Total())
	}
	if owed := sum - best.LogE; owed < -1e-9 || owed > 10 || math.IsNaN(owed) {
		t.Errorf("the account has %v, the component %v", sum, best.LogE)
	}
	if first := test.Parts()[0]; !first.Canary || first.Class != "failed" || v.Mover == "" {
		t.Errorf("what added most is %+v", first)
	}
}
