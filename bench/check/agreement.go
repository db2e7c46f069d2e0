package main

import (
	"bufio"
	_ "embed" // the judgements are a file that people write
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/agree"
)

//go:embed judgements.txt
var judgements string

// tally counts what davit says of hadolint's assertions about one code.
type tally struct {
	code        string
	there       bool // davit has the rule
	agree, all  int
	differences []agree.Case
}

// compare asks all rules about all assertions.
func compare(name string) ([]tally, error) {
	cases, err := agree.Read(name)
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp("", "davit-bench-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(root)
	rules := check.Rules()
	var tallies []tally
	for _, c := range cases {
		at := slices.IndexFunc(tallies, func(t tally) bool { return t.code == c.Code })
		if at < 0 {
			_, there := rules.Find(c.Code)
			tallies = append(tallies, tally{code: c.Code, there: there})
			at = len(tallies) - 1
		}
		holds, err := c.Holds(root, rules)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.It, err)
		}
		t := &tallies[at]
		t.all++
		if holds {
			t.agree++
		} else {
			t.differences = append(t.differences, c)
		}
	}
	slices.SortFunc(tallies, func(a, b tally) int { return strings.Compare(a.code, b.code) })
	return slices.DeleteFunc(tallies, func(t tally) bool { return !isCode(t.code) }), nil
}

// isCode passes over an entry of the data that has something else in its place.
func isCode(code string) bool { return len(code) == 6 && strings.HasPrefix(code, "DL") }

// printAgreement prints the table, with every disagreement in full: this is for
// a terminal, where hadolint's own words may be.
func printAgreement(w io.Writer, tallies []tally) {
	fmt.Fprintf(w, "agreement with hadolint's assertions: %s\n", overall(tallies))
	for _, t := range tallies {
		fmt.Fprintf(w, "  %s %3d of %3d  %s\n", t.code, t.agree, t.all, missing(t))
		if !t.there {
			continue
		}
		for _, c := range t.differences {
			fmt.Fprintf(w, "    %s hadolint: %s: %s\n", c.ID(), c.Expect, c.It)
			for line := range strings.Lines(strings.TrimSpace(c.Source())) {
				fmt.Fprintf(w, "      | %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
}

func missing(t tally) string {
	if t.there {
		return ""
	}
	return "no such rule yet"
}

func overall(tallies []tally) string {
	agreed, all, codes := 0, 0, 0
	for _, t := range tallies {
		agreed, all = agreed+t.agree, all+t.all
		if t.there {
			codes++
		}
	}
	return fmt.Sprintf("%d of %d (%.1f %%), with rules for %d of %d codes", agreed, all, 100*float64(agreed)/float64(all), codes, len(tallies))
}

// writePage writes docs/hadolint.md: the table, and each disagreement with what
// judgements.txt says about it. hadolint's own words stay out.
func writePage(w io.Writer, tallies []tally) error {
	judged, err := readJudgements()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, `# davit and hadolint

Rules with hadolint's codes mean what hadolint's mean. Where a .hadolint.yaml is, it counts ([checks](checks.md)).
hadolint's own tests are the measure: of those that davit looks at, each one Dockerfile, one code and whether
hadolint has something to say, davit agrees on %s.

This page is written by `+"`make bench-check`"+`; the judgements are ours.

| code | agrees | of | |
|---|---|---|---|
`, overall(tallies))
	for _, t := range tallies {
		fmt.Fprintf(w, "| %s | %d | %d | %s |\n", t.code, t.agree, t.all, missing(t))
	}
	fmt.Fprintf(w, "\n## Where they differ\n\n")
	differences := 0
	for _, t := range tallies {
		for _, c := range t.differences {
			if !t.there {
				continue
			}
			differences++
			says := map[string]string{"present": "hadolint speaks, davit does not", "absent": "davit speaks, hadolint does not"}[c.Expect]
			judgement := judged[c.ID()]
			if judgement == "" {
				judgement = "not judged yet"
			}
			fmt.Fprintf(w, "- %s (case %s): %s. %s\n", t.code, c.ID(), says, judgement)
		}
	}
	if differences == 0 {
		fmt.Fprintln(w, "Nowhere, among the rules that davit has.")
	}
	return nil
}

// readJudgements reads lines of a case's name and what is to be said of it.
func readJudgements() (map[string]string, error) {
	out := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(judgements))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		id, judgement, found := strings.Cut(text, " ")
		if !found || len(id) != 8 {
			return nil, fmt.Errorf("judgements.txt:%d: a line is the name of a case, a space, and the judgement", n)
		}
		out[id] = strings.TrimSpace(judgement)
	}
	return out, nil
}
