package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/analysis"
)

// A step may begin long after the last count, as after an approval.
func TestTheChartReachesToTheLastStep(t *testing.T) {
	var x release.Explanation
	x.Verdict = &analysis.Verdict{Bound: 200}
	x.Points = []release.Moment{{Point: release.Point{Elapsed: 400}}, {Point: release.Point{Elapsed: 1000, LogE: 1}}}
	x.Entries = []release.Step{{Elapsed: 300, Weight: 0.5}, {Elapsed: 60_000, Weight: 0.95}}
	var out bytes.Buffer
	printChart(&out, x)
	if !strings.Contains(out.String(), "|95%") || !strings.Contains(out.String(), "1m0s") {
		t.Errorf("printed\n%s", &out)
	}
}
