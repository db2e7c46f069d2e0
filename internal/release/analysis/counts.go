package analysis

import "math"

// Counts are units by outcome class, ordered from good to bad; the last class
// is always the error. A count is never negative: Config refuses such counts,
// and Score, which reads them from a journal, takes them for zero.
type Counts struct {
	Units []int64 `json:"units"`
}

// Total is the number of units; math.MaxInt64 stands for any more than that.
func (c Counts) Total() int64 {
	sum := int64(0)
	for _, n := range c.Units {
		sum = plus(sum, n)
	}
	return sum
}

// Errors is the number of units of the last class.
func (c Counts) Errors() int64 {
	if len(c.Units) == 0 {
		return 0
	}
	return c.Units[len(c.Units)-1]
}

// collapsed tells good from failed alone.
func (c Counts) collapsed() Counts {
	return Counts{Units: []int64{c.Total() - c.Errors(), c.Errors()}}
}

// fitted returns the counts in the classes that a test has, or good and failed
// alone where they have others.
func (c Counts) fitted(classes int) Counts {
	if len(c.Units) == classes {
		return c
	}
	return c.collapsed()
}

// counted returns a copy in which negative counts are zero.
func (c Counts) counted() Counts {
	units := make([]int64, len(c.Units))
	for class, n := range c.Units {
		units[class] = max(n, 0)
	}
	return Counts{Units: units}
}

// add adds class by class. Classes are aligned at their end, where the error is.
func (c *Counts) add(d Counts) {
	if more := len(d.Units) - len(c.Units); more > 0 {
		c.Units = append(make([]int64, more), c.Units...)
	}
	shift := len(c.Units) - len(d.Units)
	for class, n := range d.Units {
		c.Units[class+shift] = plus(c.Units[class+shift], n)
	}
}

// plus adds counts and stops at the largest number there is.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-max(b, 0) {
		return math.MaxInt64
	}
	return a + b
}

// Cohort is a set of units that were assigned together with one probability.
// Cohorts are scored in the order in which their units were claimed, never in
// the order in which they were done.
type Cohort struct {
	Step   int     // of the release, from 0 to Config.Steps−1; a step's components start with it
	Weight float64 // probability with which a unit went to the canary; see Score
	Canary Counts
	Stable Counts
	// ErrorsOnly says that latencies are not to be compared, as of a canary that
	// still warms up. What decides it must not depend on the units.
	ErrorsOnly bool
}
