package web

import (
	"fmt"
	"math"
	"strings"

	"github.com/davit-dev/davit/internal/release"
)

// The chart's size in its own units, and the room for its labels.
const (
	chartWidth  = 640
	chartHeight = 180
	chartLeft   = 44
	chartBottom = 22
	chartTop    = 12
)

// chart is the evidence against a release over its running time: E on a
// logarithmic scale, the bound at which it is rolled back, and the weight.
type chart struct {
	Width, Height int
	Left, Floor   int
	Evidence      string // points of a polyline
	Weight        string // points of a polygon
	Bound         float64
	BoundLabel    string
	Ticks         []tick
	End           string
}

// tick is a label on the vertical axis.
type tick struct {
	Y     float64
	Label string
}

// newChart draws a trace of at least two points.
func newChart(s release.Summary) *chart {
	bound := math.Log(100)
	if s.Verdict != nil && s.Verdict.Bound > 1 {
		bound = math.Log(s.Verdict.Bound)
	}
	low, high := span(s.Trace, bound)
	plotHeight := float64(chartHeight - chartTop - chartBottom)
	y := func(logE float64) float64 {
		return chartTop + plotHeight*(high-min(max(logE, low), high))/(high-low)
	}
	last := s.Trace[len(s.Trace)-1].Elapsed
	x := func(elapsed int64) float64 {
		return chartLeft + float64(chartWidth-chartLeft-8)*float64(elapsed)/float64(max(last, 1))
	}
	c := &chart{
		Width: chartWidth, Height: chartHeight, Left: chartLeft, Floor: chartHeight - chartBottom,
		Bound: y(bound), BoundLabel: fmt.Sprintf("%.3g", math.Exp(bound)),
		End: words["seconds"].(func(int64) string)(last),
	}
	for exponent := math.Ceil(low / math.Ln10); exponent*math.Ln10 < bound-1; exponent++ {
		c.Ticks = append(c.Ticks, tick{Y: y(exponent * math.Ln10), Label: fmt.Sprintf("%.3g", math.Pow(10, exponent))})
	}
	c.Evidence, c.Weight = lines(s.Trace, x, y, plotHeight)
	return c
}

// span is the range of the vertical axis in log E.
func span(trace []release.Point, bound float64) (low, high float64) {
	low, high = -math.Ln10, bound*1.1
	for _, p := range trace {
		low, high = min(low, p.LogE), max(high, p.LogE*1.05)
	}
	return max(low, -3*math.Ln10), min(high, 3*bound)
}

func lines(trace []release.Point, x func(int64) float64, y func(float64) float64, height float64) (evidence, weight string) {
	var e, w strings.Builder
	floor := float64(chartHeight - chartBottom)
	fmt.Fprintf(&w, "%.1f,%.1f ", x(trace[0].Elapsed), floor)
	for _, p := range trace {
		fmt.Fprintf(&e, "%.1f,%.1f ", x(p.Elapsed), y(p.LogE))
		fmt.Fprintf(&w, "%.1f,%.1f ", x(p.Elapsed), floor-height*p.Weight)
	}
	fmt.Fprintf(&w, "%.1f,%.1f", x(trace[len(trace)-1].Elapsed), floor)
	return strings.TrimSpace(e.String()), w.String()
}
