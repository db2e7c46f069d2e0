package baseline_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/baseline"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
)

func load(t *testing.T, source string) *project.Project {
	t.Helper()
	p, err := project.LoadReader(t.TempDir(), strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// at returns findings on lines.
func at(lines ...int) []finding.Finding {
	var out []finding.Finding
	for _, n := range lines {
		out = append(out, finding.Finding{Code: "DL3020", File: "-", Line: n})
	}
	return out
}

// again is a baseline that was written down and read.
func again(t *testing.T, b baseline.Baseline) baseline.Baseline {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	read, err := baseline.Parse("baseline.json", out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var twice bytes.Buffer
	if err := read.Write(&twice); err != nil || twice.String() != out.String() {
		t.Fatalf("written again: %s, %v", twice.String(), err)
	}
	return read
}

func TestHide(t *testing.T) {
	known := again(t, baseline.Of(load(t, "FROM scratch\nADD a /\nADD b /\nADD b /\n"), at(2, 3, 4)))
	for name, c := range map[string]struct {
		source string
		lines  []int
		fresh  []int
		hidden int
		gone   int
	}{
		"the same":   {"FROM scratch\nADD a /\nADD b /\nADD b /\n", []int{2, 3, 4}, nil, 3, 0},
		"moved":      {"# why\nFROM scratch\n\n  ADD b /\nADD b /\nADD a /\n", []int{4, 5, 6}, nil, 3, 0},
		"once more":  {"FROM scratch\nADD a /\nADD b /\nADD b /\nADD b /\n", []int{2, 3, 4, 5}, []int{5}, 3, 0},
		"changed":    {"FROM scratch\nADD c /\nADD b /\nADD b /\n", []int{2, 3, 4}, []int{2}, 2, 1},
		"once less":  {"FROM scratch\nADD a /\nADD b /\n", []int{2, 3}, nil, 2, 1},
		"all mended": {"FROM scratch\n", nil, nil, 0, 2},
	} {
		fresh, hidden, gone := known.Hide(load(t, c.source), at(c.lines...))
		if hidden != c.hidden || len(gone) != c.gone || len(fresh) != len(c.fresh) {
			t.Errorf("%s: %v fresh, %d hidden, gone %v", name, fresh, hidden, gone)
			continue
		}
		for i, f := range fresh {
			if f.Line != c.fresh[i] {
				t.Errorf("%s: line %d is fresh", name, f.Line)
			}
		}
	}
	other := finding.Finding{Code: "DL3020", File: "other/Dockerfile", Line: 2}
	if fresh, _, _ := known.Hide(load(t, "FROM scratch\nADD a /\n"), []finding.Finding{other}); len(fresh) != 1 {
		t.Error("a finding in another file is taken for a known one")
	}
}

// A check of some files says nothing about the others.
func TestLooked(t *testing.T) {
	p := load(t, "FROM scratch\nADD a /\n")
	b, err := baseline.Parse("b", []byte(`{"version":1,"findings":[{"code":"DL3020","file":"other","line":"0","count":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, gone := b.Looked(p).Hide(p, nil); len(gone) != 0 {
		t.Errorf("gone: %v", gone)
	}
	if _, _, gone := b.Hide(p, nil); len(gone) != 1 {
		t.Errorf("gone: %v", gone)
	}
}

func TestParseRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"":                                   "b: this is not a baseline: EOF",
		"{\"version\": 2}":                   "b: the baseline has version 2; this davit reads version 1",
		"{\"version\": 1,\n\"extra\": 1}":    "b: this is not a baseline: json: unknown field",
		"{\"version\": 1,\n\n\"findings\"?":  "b:3: this is not a baseline: ",
		"{\"version\": 1,\n\"findings\": 1}": "b:2: this is not a baseline: ",
		"{\"version\":1,\"findings\":[\n{\"code\":\"a\",\"file\":\"b\",\"count\":0}]}": "b: entry 1 needs",
	} {
		if _, err := baseline.Parse("b", []byte(source)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", source, err, want)
		}
	}
}
