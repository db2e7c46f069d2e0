package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestThePage: every cell of the plan is in it, the plots are XML, and nothing is
// divided by nothing.
func TestThePage(t *testing.T) {
	var results []result
	for i, c := range plan(1000, 100) {
		r := result{cell: c, scores: make([]score, len(ruleNames()))}
		r.scores[0].NotWorse = c.runs / 2
		if i%3 == 0 {
			r.scores[1] = score{Rolled: c.runs, Times: make([]float64, c.runs), Harmed: make([]float64, c.runs)}
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
	if want := len(plan(1, 1)) + len(claimed()); rows != want {
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
		r, err := m.measure(c, func() tuning { asked++; return generous() }, seed)
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
