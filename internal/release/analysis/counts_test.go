package analysis_test

import (
	"reflect"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// TestSumsKeepErrorsApart: cohorts with more classes, or fewer, come after one
// another, and the last class stays that of the errors.
func TestSumsKeepErrorsApart(t *testing.T) {
	test := newTest(t, analysis.Config{})
	for _, units := range [][]int64{{4, 1}, {2, 3, 5}, {7, 11}, {13}} {
		test.Score(analysis.Cohort{Weight: 0.5, Canary: analysis.Counts{Units: units}, Stable: analysis.Counts{Units: units}})
	}
	want := analysis.Counts{Units: []int64{2, 3 + 4 + 7, 1 + 5 + 11 + 13}}
	if v := test.Verdict(); !reflect.DeepEqual(v.Canary, want) || !reflect.DeepEqual(v.Stable, want) {
		t.Errorf("got %v and %v, want %v", v.Canary, v.Stable, want)
	}
}
