package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Config is the check part of davit.yaml.
type Config struct {
	Ignore   []string            `json:"ignore,omitempty" yaml:"ignore"`     // codes whose findings are not shown
	Severity map[string]Severity `json:"severity,omitempty" yaml:"severity"` // code → severity of its findings
	FailOn   Severity            `json:"fail_on,omitempty" yaml:"fail_on"`   // least severity that makes the exit code 1
}

// DefaultConfig returns the configuration of a project that says nothing.
func DefaultConfig() Config { return Config{FailOn: Warning} }

// Validate says which codes and severities do not exist. The errors begin with
// the key, so that a caller can find its place in the file.
func (c Config) Validate() error {
	var errs []error
	for i, name := range c.Ignore {
		if _, known := canonical(name); !known {
			errs = append(errs, fmt.Errorf("ignore[%d]: %w", i, unknown(name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Severity)) {
		if _, known := canonical(name); !known {
			errs = append(errs, fmt.Errorf("severity.%s: %w", name, unknown(name)))
		}
		if s := c.Severity[name]; !s.valid() {
			errs = append(errs, fmt.Errorf("severity.%s: %q is not a severity: error, warning, info or style", name, s))
		}
	}
	if c.FailOn != "" && !c.FailOn.valid() {
		errs = append(errs, fmt.Errorf("fail_on: %q is not a severity: error, warning, info or style", c.FailOn))
	}
	return errors.Join(errs...)
}

// apply takes away what is ignored and gives the rest the severity it should have.
func (c Config) apply(findings []Finding) []Finding {
	ignored := map[string]bool{}
	for _, name := range c.Ignore {
		code, _ := canonical(name)
		ignored[code] = true
	}
	severity := map[string]Severity{}
	for _, name := range slices.Sorted(maps.Keys(c.Severity)) {
		code, _ := canonical(name)
		severity[code] = c.Severity[name]
	}
	findings = slices.DeleteFunc(findings, func(f Finding) bool { return ignored[f.Code] })
	for i := range findings {
		if s := severity[findings[i].Code]; s != "" {
			findings[i].Severity = s
		}
	}
	return findings
}
