package analysis

// Counts are units by outcome class, ordered from good to bad; the last class
// is always the error.
type Counts struct {
	Units []int64 `json:"units"`
}

// Total is the number of units.
func (c Counts) Total() int64 {
	sum := int64(0)
	for _, n := range c.Units {
		sum += n
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

// good is the number of units that are no errors.
func (c Counts) good() int64 { return c.Total() - c.Errors() }

// add returns the sums, class by class.
func (c Counts) add(d Counts) Counts {
	sum := make([]int64, max(len(c.Units), len(d.Units)))
	copy(sum, c.Units)
	// Classes are aligned at their end, where the error is.
	shift := len(sum) - len(d.Units)
	for class, n := range d.Units {
		sum[class+shift] += n
	}
	return Counts{Units: sum}
}

// Cohort is a set of units that were assigned together with one probability.
// Cohorts are scored in the order in which their units were claimed, never in
// the order in which they were done.
type Cohort struct {
	Step   int     // of the release, from 0; a step's components start with it
	Weight float64 // probability with which a unit went to the canary
	Canary Counts
	Stable Counts
}
