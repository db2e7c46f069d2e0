package analysis_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// TestMover names what moved E, and only that: not a step yet to come, and
// nothing while nothing speaks against the canary.
func TestMover(t *testing.T) {
	test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(0.005)})
	says := func(what, mover string, step int) {
		t.Helper()
		if v := test.Verdict(); v.Mover != mover || v.Step != step {
			t.Errorf("%s: %q since step %d, want %q since %d", what, v.Mover, v.Step, mover, step)
		}
	}
	says("nothing seen", "", 0)
	test.Score(analysis.Cohort{Weight: 0.5, Canary: counts(500, 0), Stable: counts(500, 0)})
	says("a good canary", "", 0)
	test.Score(analysis.Cohort{Step: 1, Weight: 0.5, Canary: counts(15, 15), Stable: counts(30, 0)})
	says("a bad one since step 1", "errors ×100", 1)
}

// TestNeedsCountsWithTheComponentsThatRun: what a canary earned by behaving well
// must be paid back in the step in which it turns bad, and need not be in the next.
func TestNeedsCountsWithTheComponentsThatRun(t *testing.T) {
	badSince := func(step int) float64 {
		test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(0.005)})
		test.Score(analysis.Cohort{Weight: 0.5, Canary: counts(100, 0), Stable: counts(90, 10)})
		test.Score(analysis.Cohort{Step: step, Weight: 0.5, Canary: counts(5, 5), Stable: counts(10, 0)})
		return float64(test.Verdict().Needs)
	}
	if same, next := badSince(0), badSince(1); same < 1.5*next {
		t.Errorf("needs %v in the same step, %v in the next", same, next)
	}
}

// TestNeedsSaysForWhichProof: things that go on as they are lead to one of the
// proofs and never to the other.
func TestNeedsSaysForWhichProof(t *testing.T) {
	for name, c := range map[string]struct {
		cohort analysis.Cohort
		worse  bool
	}{
		"equal": {analysis.Cohort{Weight: 0.5, Canary: counts(199, 1), Stable: counts(199, 1)}, false},
		"worse": {analysis.Cohort{Weight: 0.5, Canary: counts(8, 2), Stable: counts(10, 0)}, true},
	} {
		test := newTest(t, analysis.Config{Tolerance: tolerance, Prior: prior(0.005)})
		test.Score(c.cohort)
		v := test.Verdict()
		near, far := v.NeedsNotWorse, v.NeedsWorse
		if c.worse {
			near, far = far, near
		}
		if near != v.Needs || near < 1 || near > 100_000 || far != 1_000_000_000 {
			t.Errorf("%s: got %+v", name, v)
		}
	}
}
