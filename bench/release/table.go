package main

import (
	"fmt"
	"io"
)

// table prints figures beside their bars, as they come.
type table struct{ out io.Writer }

func (t *table) head(name string) { fmt.Fprintf(t.out, "\n%s\n", name) }

// most is a figure that must not exceed its bar.
func (t *table) most(what string, got, bar float64, unit string) {
	t.row(what, got, "≤", bar, unit, got <= bar)
}

// least is a figure that must reach its bar.
func (t *table) least(what string, got, bar float64, unit string) {
	t.row(what, got, "≥", bar, unit, got >= bar)
}

func (t *table) row(what string, got float64, sign string, bar float64, unit string, holds bool) {
	verdict := "holds"
	if !holds {
		verdict = "MISSED"
	}
	fmt.Fprintf(t.out, "  %-66s %10.4g %-6s bar %s %-6.4g %s\n", what, got, unit, sign, bar, verdict)
}

// note is a figure without a bar.
func (t *table) note(what string, got float64, unit string) {
	fmt.Fprintf(t.out, "  %-66s %10.4g %s\n", what, got, unit)
}
