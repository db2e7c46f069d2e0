package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// publish writes the page and the plots.
func publish(o options, results []result) error {
	var page strings.Builder
	p := printer{&page, o, results}
	p.print()
	if o.plots != "" {
		for name, plot := range plots(results) {
			if err := os.WriteFile(filepath.Join(o.plots, name), []byte(plot), 0o644); err != nil {
				return fmt.Errorf("write plot: %w", err)
			}
		}
	}
	if o.page == "" {
		_, err := io.WriteString(os.Stdout, page.String())
		return err
	}
	if err := os.WriteFile(o.page, []byte(page.String()), 0o644); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// printer writes the page.
type printer struct {
	out     io.Writer
	options options
	results []result
}

func (p printer) print() {
	fmt.Fprintf(p.out, intro, p.options.runs, p.options.few, p.options.seed, len(p.results))
	p.verdict()
	p.standing()
	p.same()
	p.unclaimed()
	p.worse()
	p.slower()
	fmt.Fprint(p.out, foot)
}

// verdict says whether the claim was kept.
func (p printer) verdict() {
	over := breaches(p.results)
	highest, cells := result{}, 0
	for _, r := range p.results {
		if !r.claim {
			continue
		}
		cells++
		if highest.scores == nil || r.scores[0].Rolled*highest.runs > highest.scores[0].Rolled*r.runs {
			highest = r
		}
	}
	n, k := highest.runs, highest.scores[0].Rolled
	fmt.Fprintf(p.out, "**%d of %d cells of versions that are no worse stay below α = 1 %% by their bound.** The highest is\n"+
		"%s: %d of %d, at most %s.\n", cells-len(over), cells, highest.cell, k, n, percent(upper(k, n)))
	for _, r := range over {
		fmt.Fprintf(p.out, "Not kept: %s, %d of %d, from %s to %s.\n", r.cell, r.scores[0].Rolled, r.runs,
			percent(lower(r.scores[0].Rolled, r.runs)), percent(upper(r.scores[0].Rolled, r.runs)))
	}
}

func header(out io.Writer, first ...string) {
	fmt.Fprintf(out, "\n| %s | %s |\n|%s\n", strings.Join(first, " | "), strings.Join(ruleNames(), " | "),
		strings.Repeat("---|", len(first)+len(ruleNames())))
}

// same shows the versions that are alike: the worst of each shape, then all.
func (p printer) same() {
	fmt.Fprint(p.out, "\n## Rolled back although no worse\n![share of releases rolled back, by shape](canary/false.svg)\n\n"+
		"The highest share among the twelve cells of each shape, for davit with its bound.\n")
	header(p.out, "shape")
	for _, s := range claimed() {
		fmt.Fprintf(p.out, "| %s | %s |\n", s.name, strings.Join(p.highest(s.name), " | "))
	}
	fmt.Fprint(p.out, "\n<details><summary>All cells</summary>\n\nThe last two columns are davit's: what it could "+
		"not decide in 20 minutes, and the releases in which it noticed another split than the promised one.\n")
	header(p.out, "shape", "requests/s", "errors", "undecided", "noticed")
	for _, r := range p.results {
		if !r.claim {
			continue
		}
		fmt.Fprintf(p.out, "| %s | %g | %g %% | %s | %s | %s |\n", r.name, r.rate, 100*r.base,
			share(r.undecided(), r.runs), share(r.noticed, r.runs), strings.Join(r.rolledBack(), " | "))
	}
	fmt.Fprint(p.out, "\n</details>\n")
}

// highest is the highest share of each rule among the cells of a shape.
func (p printer) highest(shape string) []string {
	worst := make([]result, len(ruleNames()))
	for _, r := range p.results {
		if r.name != shape || r.ratio != 1 {
			continue
		}
		for i := range worst {
			if worst[i].scores == nil || r.scores[i].rate() > worst[i].scores[i].rate() {
				worst[i] = r
			}
		}
	}
	var cells []string
	for i, r := range worst {
		cells = append(cells, r.rolledBack()[i])
	}
	return cells
}

// rolledBack are the shares of the rules, davit's with its bound.
func (r result) rolledBack() []string {
	var cells []string
	for i, s := range r.scores {
		text := share(s.Rolled, s.Runs)
		if i == 0 {
			text = fmt.Sprintf("%s (≤ %s)", text, percent(upper(s.Rolled, s.Runs)))
		}
		cells = append(cells, text)
	}
	return cells
}

func (r result) undecided() int { return r.runs - r.scores[0].Rolled - r.scores[0].NotWorse }

// unclaimed shows what breaks an assumption.
func (p printer) unclaimed() {
	fmt.Fprint(p.out, "\n## What is not claimed\nThese break an assumption of the test, and what comes out is shown as it is.\n\n")
	for _, s := range unclaimed() {
		fmt.Fprintf(p.out, "- **%s**: %s.\n", s.name, s.why)
	}
	header(p.out, "shape", "requests/s", "noticed")
	for _, s := range unclaimed() {
		for _, r := range p.results {
			if r.name == s.name {
				fmt.Fprintf(p.out, "| %s | %g | %s | %s |\n", r.name, r.rate, share(r.noticed, r.runs), strings.Join(r.rolledBack(), " | "))
			}
		}
	}
}

// worse shows the versions whose error rate is a multiple.
func (p printer) worse() {
	fmt.Fprint(p.out, "\n## Rolled back because worse\n![failed requests until rollback](canary/harmed.svg)\n"+
		"![time until rollback](canary/time.svg)\n![what davit says after twenty minutes](canary/undecided.svg)\n\n"+
		"Each entry is the share that was rolled back, the median time until then, and the median number of the\n"+
		"canary's requests that had failed by then; – where less than half was rolled back. *Tolerated* are rates that\n"+
		"exceed the live version's by no more than 1 %: to roll these back is an error. *Before it was*: the median rollback\n"+
		"came before the canary turned bad. *Tuned*: the setting that does best in the row.\n")
	for _, onset := range []float64{0, duration / 2} {
		fmt.Fprintf(p.out, "\n### Worse since %g minutes after the start\n", onset/60)
		header(p.out, "requests/s", "errors")
		for _, r := range p.results {
			if r.name != "errors" || r.onset != onset {
				continue
			}
			fmt.Fprintf(p.out, "| %g | %s | %s |\n", r.rate, r.change(), strings.Join(r.found(), " | "))
		}
	}
}

func (r result) change() string {
	text := fmt.Sprintf("%g → %.3g %%", 100*r.base, 100*r.worst())
	if r.tolerated() {
		text += ", tolerated"
	}
	return text
}

// found says how each rule found a worse version.
func (r result) found() []string {
	var cells []string
	for _, s := range r.scores {
		text := share(s.Rolled, s.Runs)
		if at, ok := s.median(s.Times); ok {
			harmed, _ := s.harm()
			text += fmt.Sprintf(", %s, %.0f", clock(at), harmed)
		} else {
			text += ", –"
		}
		cells = append(cells, text)
	}
	return cells
}

func clock(seconds float64) string {
	if seconds < 0 {
		return "before it was"
	}
	if seconds < 120 {
		return fmt.Sprintf("%.3g s", seconds)
	}
	return fmt.Sprintf("%.1f min", seconds/60)
}

// slower shows the versions that do not fail more often.
func (p printer) slower() {
	fmt.Fprint(p.out, "\n## Slower\nThe same with latencies, at 0.5 % errors; the number is that of all the canary's "+
		"requests until then, since all were slow.\nThe examples of the other tools allow the 99th percentile half a second; here it is 0.32 s.\n")
	header(p.out, "requests/s", "")
	for _, l := range latencies() {
		for _, r := range p.results {
			if r.name == l.name {
				fmt.Fprintf(p.out, "| %g | %s | %s |\n", r.rate, r.name, strings.Join(r.found(), " | "))
			}
		}
	}
}

func share(k, n int) string {
	if k == 0 {
		return "0"
	}
	return percent(float64(k) / float64(n))
}

func percent(p float64) string {
	switch {
	case p >= 0.0995:
		return fmt.Sprintf("%.0f %%", 100*p)
	case p >= 0.00995:
		return fmt.Sprintf("%.1f %%", 100*p)
	default:
		return fmt.Sprintf("%.2f %%", 100*p)
	}
}
