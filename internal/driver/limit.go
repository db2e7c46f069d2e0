package driver

import (
	"errors"
	"fmt"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// The least that a program can be limited to: with less, none starts.
const (
	LeastMemory = quantity.Size(16 << 20)
	LeastCPU    = quantity.Cores(10)
)

func (c Config) validateLimits() error {
	var errs []error
	if c.Memory != 0 && c.Memory < LeastMemory {
		errs = append(errs, fmt.Errorf("memory: %s is not enough for a program; at least %s is needed", c.Memory, LeastMemory))
	}
	if c.CPU != 0 && c.CPU < LeastCPU {
		errs = append(errs, fmt.Errorf("cpu: %s is not enough for a program; at least %s is needed", c.CPU, LeastCPU))
	}
	return errors.Join(errs...)
}
