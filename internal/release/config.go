package release

import (
	"errors"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// Config is the release part of davit.yaml: how a version goes out.
type Config struct {
	Steps         []quantity.Share  `json:"steps" yaml:"steps"`                           // shares of the traffic for the new version, rising
	Dwell         quantity.Duration `json:"dwell" yaml:"dwell"`                           // least time at a step
	Deadline      quantity.Duration `json:"deadline" yaml:"deadline"`                     // most for the whole canary
	FalseRollback quantity.Share    `json:"false_rollback" yaml:"false_rollback"`         // α of package analysis
	Tolerance     Tolerance         `json:"tolerance" yaml:"tolerance"`                   // what is not worth a rollback
	Guard         quantity.Share    `json:"guard,omitempty" yaml:"guard"`                 // of both versions' requests: while more fail, nothing goes further; 0 is off
	Undecided     Policy            `json:"undecided" yaml:"undecided"`                   // at the deadline without proof
	Approval      Gate              `json:"approval,omitempty" yaml:"approval,omitempty"` // where a person is asked
	Affinity      Affinity          `json:"affinity,omitempty" yaml:"affinity,omitempty"` // what stays with its version
	Mirror        quantity.Share    `json:"mirror,omitempty" yaml:"mirror,omitempty"`     // of the live version's safe requests, copied to the new one
	Warmup        quantity.Duration `json:"warmup" yaml:"warmup"`                         // at the beginning, in which latency is not compared
	Bake          quantity.Duration `json:"bake" yaml:"bake"`                             // time at 95 % before the old version stops
}

// Tolerance is how much worse a version may be without being rolled back.
type Tolerance struct {
	Errors  quantity.Share    `json:"errors" yaml:"errors"`   // difference of error rates
	Latency quantity.Share    `json:"latency" yaml:"latency"` // of the live version's latency
	Delay   quantity.Duration `json:"delay" yaml:"delay"`     // more latency that is never worth a rollback
}

// Policy says what happens at the deadline when nothing was proved.
type Policy string

// The policies. Without any traffic Hold is used, whatever is configured.
const (
	Hold     Policy = "hold"
	Rollback Policy = "rollback"
	Promote  Policy = "promote"
)

// Gate is a point at which a release waits for a person.
type Gate string

// The gates. BeforeLive stands between the last step and the bake.
const (
	NoGate       Gate = ""
	BeforeCanary Gate = "before_canary"
	BeforeLive   Gate = "before_live"
)

// BakeWeight is the share of the new version during the bake. The rest stays
// with the old one as the control, without which there is no evidence.
const BakeWeight = 0.95

// StepUnits is how many scored requests, or sessions where they stay, of the new version a step needs at least.
const StepUnits = 20

// DefaultConfig returns what a davit.yaml that is silent about it means.
func DefaultConfig() Config {
	return Config{
		Steps:         []quantity.Share{0.05, 0.25, 0.50},
		Dwell:         quantity.Duration(time.Minute),
		Deadline:      quantity.Duration(30 * time.Minute),
		FalseRollback: 0.01,
		Tolerance:     Tolerance{Errors: 0.01, Latency: 0.10, Delay: quantity.Duration(5 * time.Millisecond)},
		Warmup:        quantity.Duration(10 * time.Second),
		Guard:         0.20,
		Undecided:     Hold,
		Bake:          quantity.Duration(5 * time.Minute),
	}
}

// Validate says what a release cannot be run with. The errors begin with the
// key, so that a caller can find its place in the file.
func (c Config) Validate() error {
	return errors.Join(c.validateSteps(), c.validateBounds(), c.validateChoices())
}

func (c Config) validateSteps() error {
	if len(c.Steps) == 0 {
		return errors.New("steps: at least one step is needed, such as [5%, 25%, 50%]")
	}
	if len(c.Steps) > 20 {
		return fmt.Errorf("steps: %d steps are too many, at most 20", len(c.Steps))
	}
	before := quantity.Share(0)
	for i, step := range c.Steps {
		if step <= before || step > BakeWeight {
			return fmt.Errorf("steps[%d]: %s must be above %s and at most 95%%", i, step, before)
		}
		before = step
	}
	return nil
}

func (c Config) validateBounds() error {
	var errs []error
	if c.FalseRollback <= 0 || c.FalseRollback > 0.5 {
		errs = append(errs, fmt.Errorf("false_rollback: %s must be above 0%% and at most 50%%", c.FalseRollback))
	}
	if c.Tolerance.Errors > 0.5 {
		errs = append(errs, fmt.Errorf("tolerance.errors: %s must be at most 50%%", c.Tolerance.Errors))
	}
	if c.Deadline <= 0 {
		errs = append(errs, errors.New("deadline: must be above 0s"))
	}
	if least := c.Dwell * quantity.Duration(len(c.Steps)); c.Deadline > 0 && c.Deadline < least {
		errs = append(errs, fmt.Errorf("deadline: %s is less than %d steps of %s", c.Deadline, len(c.Steps), c.Dwell))
	}
	return errors.Join(errs...)
}

func (c Config) validateChoices() error {
	var errs []error
	switch c.Undecided {
	case Hold, Rollback, Promote:
	default:
		errs = append(errs, fmt.Errorf("undecided: %q is not one of hold, rollback, promote", c.Undecided))
	}
	switch c.Approval {
	case NoGate, BeforeCanary, BeforeLive:
	default:
		errs = append(errs, fmt.Errorf("approval: %q is not one of before_canary, before_live", c.Approval))
	}
	return errors.Join(errs...)
}
