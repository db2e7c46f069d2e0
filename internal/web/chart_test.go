package web

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release"
)

// FuzzChartStaysInside draws any trace and wants every point inside the picture,
// from left to right.
func FuzzChartStaysInside(f *testing.F) {
	f.Add(int64(0), 0.0, int64(1000), 5.0, int64(2000), -40.0)
	f.Add(int64(0), -1e9, int64(0), 1e9, int64(1), 0.0)
	f.Fuzz(func(t *testing.T, t0 int64, e0 float64, t1 int64, e1 float64, t2 int64, e2 float64) {
		var trace []release.Point
		at := int64(0)
		for _, p := range []struct {
			step int64
			logE float64
		}{{t0, e0}, {t1, e1}, {t2, e2}} {
			if math.IsNaN(p.logE) || math.IsInf(p.logE, 0) {
				return // a verdict is always finite
			}
			at += max(p.step, -p.step, 0) % 1_000_000
			trace = append(trace, release.Point{Elapsed: at, LogE: p.logE, Weight: 0.5})
		}
		c := newChart(release.Summary{Trace: trace})
		last := -1.0
		for point := range strings.FieldsSeq(c.Evidence) {
			var x, y float64
			if _, err := fmt.Sscanf(point, "%f,%f", &x, &y); err != nil {
				t.Fatal(err)
			}
			if !(x >= last && x <= chartWidth && y >= 0 && y <= chartHeight) {
				t.Errorf("point %q of %q is outside", point, c.Evidence)
			}
			last = x
		}
		if len(c.Ticks) > 20 {
			t.Errorf("%d labels", len(c.Ticks))
		}
	})
}
