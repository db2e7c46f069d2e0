package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestThePage: every cell of the plan is in it, the plots are XML, and nothing is
// divided by nothing.
func TestThePage(t *testing.T) {
	var results []result
	for i, c := range plan(1000, 100) {
		r := result{cell: c, scores: make([]score, len(ruleNames()))}
		for rule := range r.scores {
			r.scores[rule].Runs = c.runs
		}
		r.scores[0].NotWorse = c.runs / 2
		if i%3 == 0 {
			r.scores[1] = score{Runs: c.runs, Rolled: c.runs, Times: make([]float64, c.runs), Harmed: make([]float64, c.runs)}
		}
		results = append(results, r)
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "page.md")
	if err := publish(options{runs: 1000, few: 100, seed: 1, page: page, plots: dir}, results); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Count(string(data), "\n| ") - strings.Count(string(data), "\n|---|") // less the headers
	if want := len(plan(1, 1)) + len(claimed()) + own; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	for _, bad := range []string{"NaN", "%!", "Inf"} {
		if strings.Contains(string(data), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for name := range plots(results) {
		wellFormed(t, filepath.Join(dir, name))
		if !strings.Contains(string(data), "canary/"+name) {
			t.Errorf("the page does not show %s", name)
		}
	}
}

// TestStanding: tolerated cells and those of the same version are left out, and each
// other one counts once, by who finds half of it and with how little harm.
func TestStanding(t *testing.T) {
	harms := func(harm ...float64) []score { // of davit and two others; below zero for less than half
		scores := make([]score, len(harm))
		for i, h := range harm {
			if scores[i].Runs = 2; h >= 0 {
				scores[i].Rolled, scores[i].Harmed = 2, []float64{h, h}
			}
		}
		return scores
	}
	bad := cell{name: "errors", rate: 20, base: 0.005, ratio: 10, short: true}
	tolerated, same := bad, bad
	tolerated.ratio, same.short = 1.5, false
	late := bad
	late.onset = 600
	got := stand([]result{
		{cell: bad, scores: harms(3, 4, -1)},
		{cell: bad, scores: harms(3, -1, -1)},
		{cell: bad, scores: harms(4, 5, 4)},
		{cell: late, scores: harms(5, 7, 4)},
		{cell: bad, scores: harms(-1, -1, 9)},
		{cell: bad, scores: harms(-1, -1, -1)},
		{cell: tolerated, scores: harms(9, 1, 1)},
		{cell: same, scores: harms(9, 1, 1)},
	}, 0, []int{1, 2})
	want := standing{
		least: 2, equal: 1, nobody: 1,
		more:      []string{"0.5 → 5 % at 20/s from the middle on: 5, Argo Rollouts 4"},
		undecided: []string{"0.5 → 5 % at 20/s: found in 0.00 %, Argo Rollouts in 100 % after 9"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func wellFormed(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(strings.NewReader(string(data)))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, attribute := range start.Attr {
				if strings.Contains(attribute.Value, "NaN") || strings.Contains(attribute.Value, "Inf") {
					t.Errorf("%s: %v", path, attribute)
				}
			}
		}
	}
}

// TestResultsAreKept: a run that is repeated takes what was measured before, and
// other settings do not.
func TestResultsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	c := sample("errors", worse(20, 0), 4)
	asked := 0
	measure := func(seed uint64) result {
		m, err := remember(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.measure(c, func() (tuning, error) { asked++; return tuning{}, nil }, seed)
		if err := errors.Join(err, m.close()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first, again := measure(1), measure(1)
	if asked != 1 || first.scores[0].Rolled != again.scores[0].Rolled || len(again.scores[0].Times) != first.scores[0].Rolled {
		t.Errorf("asked %d times, %+v and %+v", asked, first.scores[0], again.scores[0])
	}
	if measure(2); asked != 2 {
		t.Error("another seed is not another measurement")
	}
}
