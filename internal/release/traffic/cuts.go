package traffic

import (
	"fmt"
	"slices"
	"time"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// Cuts are the latencies at which the classes of outcomes are cut, for each of
// the two versions as many; they rise. A nil *Cuts tells good from failed alone.
type Cuts struct {
	Stable []quantity.Duration `json:"stable"`
	Canary []quantity.Duration `json:"canary"`
}

// maxCuts bounds the classes.
const maxCuts = 16

func (c *Cuts) validate() error {
	if c == nil {
		return nil
	}
	if n := len(c.Stable); n == 0 || n > maxCuts || n != len(c.Canary) {
		return fmt.Errorf("%d and %d cuts, allowed are 1 to %d, and as many for the canary as for stable", n, len(c.Canary), maxCuts)
	}
	if !slices.IsSorted(c.Stable) || !slices.IsSorted(c.Canary) || c.Stable[0] < 0 || c.Canary[0] < 0 {
		return fmt.Errorf("the cuts %v and %v do not rise from 0", c.Stable, c.Canary)
	}
	return nil
}

// classes is how many outcome classes there are.
func (c *Cuts) classes() int {
	if c == nil {
		return 2
	}
	return len(c.Stable) + 2
}

// class is the outcome class of a unit.
func (c *Cuts) class(o Outcome, canary bool, took time.Duration) int {
	switch {
	case o == Failed:
		return c.classes() - 1
	case c == nil:
		return 0
	}
	cuts := c.Stable
	if canary {
		cuts = c.Canary
	}
	n, _ := slices.BinarySearch(cuts, quantity.Duration(took)) // equal to a cut is not beyond it
	return n
}

func (c *Cuts) equal(d *Cuts) bool {
	if c == nil || d == nil {
		return c == d
	}
	return c == d || slices.Equal(c.Stable, d.Stable) && slices.Equal(c.Canary, d.Canary)
}
