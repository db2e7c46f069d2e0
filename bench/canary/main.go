// Command canary simulates releases and writes docs/canary.md: how often davit and
// the rules of other tools roll back a version that is no worse, how soon they find
// one that is, and how many requests have failed by then. davit's verdicts are those
// of internal/release/analysis, the other rules those of internal/release/others.
// The same seed gives the same releases on any number of cores.
//
// It exits with 1 when davit rolls back more of the same versions than it claims, in
// any cell by its Clopper-Pearson bound.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"time"
)

type options struct {
	runs, few int
	seed      uint64
	page      string
	plots     string
	profile   string
	results   string
	figures   bool
}

func main() {
	var o options
	flag.IntVar(&o.runs, "runs", 10_000, "releases of the same version in each cell")
	flag.IntVar(&o.few, "few", 400, "releases in each other cell")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of all draws")
	flag.StringVar(&o.page, "page", "", "file to write the page to; standard output if empty")
	flag.StringVar(&o.plots, "plots", "", "folder to write the plots to; none if empty")
	flag.StringVar(&o.results, "results", "", "file to keep results in, so that an interrupted run can go on")
	flag.BoolVar(&o.figures, "figures", false, "measure two cells alone and print what is known a verdict by, in JSON")
	flag.StringVar(&o.profile, "cpuprofile", "", "file to write a CPU profile to")
	flag.Parse()
	debug.SetGCPercent(-1) // nearly everything is short-lived
	debug.SetMemoryLimit(256 << 20)
	kept, err := bench(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "canary: error:", err)
		os.Exit(3)
	}
	if !kept {
		os.Exit(1)
	}
}

func bench(o options) (kept bool, err error) {
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return false, fmt.Errorf("profile: %w", err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return false, fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	if o.figures {
		return true, printFigures(o)
	}
	results, err := measure(o)
	if err != nil {
		return false, err
	}
	if err := publish(o, results); err != nil {
		return false, err
	}
	over := breaches(results)
	for _, r := range over {
		fmt.Fprintf(os.Stderr, "canary: %s: %d of %d were rolled back, at most %.2f %% by the bound\n",
			r.cell, r.scores[0].Rolled, r.runs, 100*upper(r.scores[0].Rolled, r.runs))
	}
	return len(over) == 0, nil
}

// measure tunes the other rules for each traffic and runs all cells.
func measure(o options) (results []result, err error) {
	fmt.Fprintf(os.Stderr, "canary: seed %d\n", o.seed)
	known, err := remember(o.results)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, known.close()) }()
	begun := time.Now()
	cells := plan(o.runs, o.few)
	tuned := map[[2]float64]tuning{}
	for i, c := range cells {
		r, err := known.measure(c, func() (t tuning, err error) {
			at := [2]float64{c.rate, c.base}
			if tuned[at].settings == nil {
				tuned[at], err = tune(c.rate, c.base, min(o.runs, 1000), o.seed^0x7a11)
			}
			return tuned[at], err
		}, o.seed)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		if i%20 == 19 {
			fmt.Fprintf(os.Stderr, "canary: %d of %d cells after %s\n", i+1, len(cells), time.Since(begun).Round(time.Second))
		}
	}
	return results, nil
}
