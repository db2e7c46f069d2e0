package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is the median of one tool in one case.
type row struct {
	what string
	tool string
	took time.Duration
}

// table collects the figures of one service.
type table struct {
	rows  []row
	sizes map[string]int64
	peaks []string
}

func (t *table) add(r row) { t.rows = append(t.rows, r) }

func (t *table) bytes(tool string, size int64) {
	if t.sizes == nil {
		t.sizes = map[string]int64{}
	}
	t.sizes[tool] = size
}

// bars are what davit has to reach, as shares of what a peer takes.
var bars = map[string]map[string]float64{
	"nothing to do":    {"go build": 0.5, "ko": 0.1, "ko, KOCACHE": 0.1},
	"one line changed": {"go build": 1.10, "ko": 0.6, "ko, KOCACHE": 0.6},
	"cold cache":       {"ko": 1.0},
}

// print writes the figures, with the ratio of davit to each peer and the bar, and
// forgets them.
func (t *table) print(w io.Writer, name string) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\n%s\tTOOL\tMEDIAN\tDAVIT/TOOL\tBAR\t\n", name)
	for _, r := range t.rows {
		ratio, bar, verdict := "", "", ""
		if limit, compared := t.bar(name, r); compared {
			got := float64(t.davit(r)) / float64(r.took)
			ratio, bar, verdict = fmt.Sprintf("%.2f", got), fmt.Sprintf("≤ %.2f", limit), "holds"
			if got > limit {
				verdict = "MISSED"
			}
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", r.what, r.tool, r.took.Round(time.Millisecond), ratio, bar, verdict)
	}
	if davit, ko := t.sizes["davit"], t.sizes["ko"]; ko > 0 {
		verdict := "holds"
		if davit > ko {
			verdict = "MISSED"
		}
		fmt.Fprintf(out, "image bytes\tko\t%d\t%.3f\t≤ 1.00\t%s\n", ko, float64(davit)/float64(ko), verdict)
	}
	for _, line := range t.peaks {
		fmt.Fprintln(out, line)
	}
	_ = out.Flush() // to the terminal
	*t = table{}
}

func (t *table) bar(name string, r row) (float64, bool) {
	limit, found := bars[r.what][r.tool]
	if name == "three mains" && r.what == "one line changed" && r.tool == "go build" {
		limit = 1.15
	}
	return limit, found
}

// davit returns what davit took for the same as a peer.
func (t *table) davit(peer row) time.Duration {
	same := pushed
	if peer.tool == "go build" {
		same = local
	}
	for _, r := range t.rows {
		if r.what == peer.what && r.tool == same {
			return r.took
		}
	}
	return 0
}
