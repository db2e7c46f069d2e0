package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// figures are the two by which a verdict is known, at twenty requests a second of
// which 0.5 % fail: how often a version that is the same is rolled back, with its
// bound, and how many requests have failed when one that fails on half of them is.
type figures struct {
	Runs           int     `json:"runs"`
	FalseRollbacks int     `json:"false_rollbacks"`
	Bound          float64 `json:"bound"`  // Clopper and Pearson's, one-sided, 95 %
	Harmed         float64 `json:"harmed"` // median
}

// printFigures measures these two cells alone.
func printFigures(o options) error {
	same := cell{name: "iid", rate: 20, base: plotted, ratio: 1, begin: claimed()[0].begin, runs: o.runs, claim: true}
	bad := cell{name: "errors", rate: 20, base: plotted, ratio: 100, begin: worse(100, 0), short: true, runs: o.runs}
	alike, err := same.measure(tuning{}, o.seed)
	if err != nil {
		return err
	}
	found, err := bad.measure(tuning{}, o.seed)
	if err != nil {
		return err
	}
	harmed, all := found.scores[0].harm()
	if !all {
		return fmt.Errorf("half of the requests failed, and only %d of %d releases were rolled back", found.scores[0].Rolled, found.runs)
	}
	rolled := alike.scores[0].Rolled
	return json.NewEncoder(os.Stdout).Encode(figures{Runs: o.runs, FalseRollbacks: rolled, Bound: upper(rolled, o.runs), Harmed: harmed})
}
