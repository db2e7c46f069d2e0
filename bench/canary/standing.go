package main

import (
	"fmt"
	"strings"
)

// standing is how a rule compares with others over the cells whose canary is worse
// by more than what is tolerated.
type standing struct {
	least, equal    int      // harm, of all rules
	nobody          int      // finds half of them
	more, undecided []string // another harms less, or finds half where this one does not
}

// stand compares a rule's medians of harm with the least among its rivals.
func stand(results []result, rule int, rivals []int) standing {
	var s standing
	for _, r := range results {
		if !r.short || r.tolerated() {
			continue
		}
		harm, found := r.scores[rule].harm()
		rival, least, rivaled := r.least(rivals)
		switch {
		case !found && !rivaled:
			s.nobody++
		case !found:
			s.undecided = append(s.undecided, fmt.Sprintf("%s: found in %s, %s in %s after %.0f", r.title(),
				percent(r.scores[rule].rate()), ruleNames()[rival], percent(r.scores[rival].rate()), least))
		case !rivaled || harm < least:
			s.least++
		case harm == least:
			s.equal++
		default:
			s.more = append(s.more, fmt.Sprintf("%s: %.0f, %s %.0f", r.title(), harm, ruleNames()[rival], least))
		}
	}
	return s
}

// least is the rule that harms least, if any finds half of the releases.
func (r result) least(rules []int) (rule int, least float64, found bool) {
	for _, i := range rules {
		if h, ok := r.scores[i].harm(); ok && (!found || h < least) {
			rule, least, found = i, h, true
		}
	}
	return rule, least, found
}

// title names a cell whose canary is worse.
func (c cell) title() string {
	text := fmt.Sprintf("%s at %g/s", c.name, c.rate)
	if c.name == "errors" {
		text = fmt.Sprintf("%g → %.3g %% at %g/s", 100*c.base, 100*c.worst(), c.rate)
	}
	if c.onset > 0 {
		text += " from the middle on"
	}
	return text
}

// standing says how davit compares with the other rules at equal rates of false
// rollbacks: as it is, and with its own level tuned as theirs are.
func (p printer) standing() {
	tuned := []int{ownTuned + 1, ownTuned + 2, ownTuned + 3}
	fmt.Fprint(p.out, equalRates)
	fmt.Fprint(p.out, "\n| | harms least | as little as another | more than another | undecided, another finds half | nobody finds half |\n|---|---|---|---|---|---|\n")
	all := map[int]standing{}
	for _, rule := range []int{0, ownTuned} {
		s := stand(p.results, rule, tuned)
		all[rule] = s
		fmt.Fprintf(p.out, "| %s | %d | %d | %d | %d | %d |\n", ruleNames()[rule], s.least, s.equal, len(s.more), len(s.undecided), s.nobody)
	}
	for _, rule := range []int{0, ownTuned} {
		if s := all[rule]; len(s.more)+len(s.undecided) > 0 {
			fmt.Fprintf(p.out, "\nWhere %s is not the best:\n\n- %s.\n", ruleNames()[rule],
				strings.Join(append(s.more, s.undecided...), ".\n- "))
		}
	}
}
