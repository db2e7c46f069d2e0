package cli

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/davit-dev/davit/internal/release"
)

// chartWidth and chartHeight are the size of the plot in characters.
const (
	chartWidth  = 64
	chartHeight = 11
)

// exp is e^x, as far as it is worth printing.
func exp(x float64) float64 { return math.Exp(math.Min(x, 700)) }

// printChart plots ln E over time, with the bound, and the steps below.
func printChart(w io.Writer, x release.Explanation) {
	if len(x.Points) == 0 {
		return
	}
	p := newChart(x)
	fmt.Fprintln(w)
	for row := range p.rows {
		label := ""
		switch row {
		case 0:
			label = fmt.Sprintf("ln E %.1f", p.high)
		case p.row(p.bound):
			label = fmt.Sprintf("bound %.1f", p.bound)
		case chartHeight - 1:
			label = fmt.Sprintf("%.1f", p.low)
		}
		fmt.Fprintf(w, "  %10s |%s\n", label, strings.TrimRight(string(p.rows[row]), " "))
	}
	fmt.Fprintf(w, "  %10s +%s\n", "", strings.Repeat("-", chartWidth))
	fmt.Fprintf(w, "  %10s  %s\n", "share", strings.TrimRight(p.steps(x), " "))
	fmt.Fprintf(w, "  %10s  %-*s%s\n", "", chartWidth-8, elapsed(p.from), elapsed(p.to))
}

// chart is the plot in the making.
type chart struct {
	rows             [][]rune
	from, to         int64
	low, high, bound float64
}

func newChart(x release.Explanation) *chart {
	p := &chart{bound: math.Log(x.Verdict.Bound)}
	p.from, p.to = x.Points[0].Elapsed, x.Points[len(x.Points)-1].Elapsed
	if len(x.Entries) > 0 {
		p.from = min(p.from, x.Entries[0].Elapsed)
		p.to = max(p.to, x.Entries[len(x.Entries)-1].Elapsed) // a step may begin when nothing is counted any more
	}
	p.low, p.high = -1, p.bound+1
	for _, m := range x.Points {
		p.low, p.high = math.Min(p.low, m.LogE), math.Max(p.high, m.LogE)
	}
	for range chartHeight {
		p.rows = append(p.rows, []rune(strings.Repeat(" ", chartWidth)))
	}
	for column := 0; column < chartWidth; column += 2 {
		p.rows[p.row(p.bound)][column] = '-'
	}
	for _, m := range x.Points {
		p.rows[p.row(m.LogE)][p.column(m.Elapsed)] = '*'
	}
	return p
}

func (p *chart) row(logE float64) int {
	return int(math.Round((p.high - logE) / (p.high - p.low) * (chartHeight - 1)))
}

func (p *chart) column(at int64) int {
	if p.to <= p.from {
		return 0
	}
	return int((at - p.from) * (chartWidth - 1) / (p.to - p.from))
}

// steps are the weights, each below the time at which it began.
func (p *chart) steps(x release.Explanation) string {
	line := []rune(strings.Repeat(" ", chartWidth+6))
	for _, s := range x.Entries {
		copy(line[p.column(s.Elapsed):], []rune(fmt.Sprintf("|%.0f%%", 100*s.Weight)))
	}
	return string(line)
}
