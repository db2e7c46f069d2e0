package rule

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/davit-dev/davit/internal/check/finding"
)

// Config is the check part of davit.yaml.
type Config struct {
	Ignore   []string                    `json:"ignore,omitempty" yaml:"ignore"`     // codes whose findings are not shown
	Severity map[string]finding.Severity `json:"severity,omitempty" yaml:"severity"` // code → severity of its findings
	Enable   []string                    `json:"enable,omitempty" yaml:"enable"`     // codes of rules that are off without it; "all" for all of them
	FailOn   finding.Severity            `json:"fail_on,omitempty" yaml:"fail_on"`   // least severity that makes the exit code 1

	Registries   []string               `json:"registries,omitempty" yaml:"registries"`       // from which base images may come; empty: from all. "*" stands for any name
	Labels       map[string]LabelFormat `json:"labels,omitempty" yaml:"labels"`               // labels that an image must have, and what their values are
	StrictLabels bool                   `json:"strict_labels,omitempty" yaml:"strict_labels"` // no labels but those
	Comments     bool                   `json:"comments" yaml:"comments"`                     // comments in a Dockerfile may ignore findings
	ShellCheck   ShellCheck             `json:"shellcheck,omitempty" yaml:"shellcheck"`       // whether the program shellcheck is asked about the scripts of RUN

	program string // the path of shellcheck; empty for not to ask it
}

// ShellCheck says when the program of that name is asked.
type ShellCheck string

// The words; the empty one is ShellCheckAuto.
const (
	ShellCheckAuto     ShellCheck = "auto"     // where it is on PATH
	ShellCheckOff      ShellCheck = "off"      // never
	ShellCheckRequired ShellCheck = "required" // always; it is an error when it is not there
)

// LabelFormat is what the value of a label is.
type LabelFormat string

// The formats, which are hadolint's.
const (
	LabelText   LabelFormat = "text"
	LabelURL    LabelFormat = "url"
	LabelSemVer LabelFormat = "semver"
	LabelHash   LabelFormat = "hash"
	LabelTime   LabelFormat = "rfc3339"
	LabelSPDX   LabelFormat = "spdx"
	LabelEmail  LabelFormat = "email"
)

// LabelFormats returns all formats.
func LabelFormats() []LabelFormat {
	return []LabelFormat{LabelText, LabelURL, LabelSemVer, LabelHash, LabelTime, LabelSPDX, LabelEmail}
}

// everything in Config.Enable stands for all rules.
const everything = "all"

// DefaultConfig returns the configuration of a project that says nothing.
func DefaultConfig() Config {
	return Config{FailOn: finding.Warning, Comments: true, ShellCheck: ShellCheckAuto}
}

// Asking returns the configuration with the path of the program shellcheck, which
// is asked from then on. Without one, it is not.
func (c Config) Asking(shellcheck string) Config {
	c.program = shellcheck
	return c
}

// Validate says which codes, severities and formats do not exist. The errors begin with
// the key, so that a caller can find its place in the file.
func (c Config) Validate(set Set) error {
	var errs []error
	for i, name := range c.Ignore {
		if len(set.codes(name)) == 0 {
			errs = append(errs, fmt.Errorf("ignore[%d]: %w", i, set.Unknown(name)))
		}
	}
	for i, name := range c.Enable {
		if len(set.codes(name)) == 0 && name != everything {
			errs = append(errs, fmt.Errorf("enable[%d]: %w", i, set.Unknown(name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Severity)) {
		if len(set.codes(name)) == 0 {
			errs = append(errs, fmt.Errorf("severity.%s: %w", name, set.Unknown(name)))
		}
		if s := c.Severity[name]; !s.Valid() {
			errs = append(errs, fmt.Errorf("severity.%s: %q is not a severity: error, warning, info or style", name, s))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if f := c.Labels[name]; !slices.Contains(LabelFormats(), f) {
			errs = append(errs, fmt.Errorf("labels.%s: %q is not the format of a label: text, url, semver, hash, rfc3339, spdx or email", name, f))
		}
	}
	if !slices.Contains([]ShellCheck{"", ShellCheckAuto, ShellCheckOff, ShellCheckRequired}, c.ShellCheck) {
		errs = append(errs, fmt.Errorf("shellcheck: %q is not one of auto, off and required", c.ShellCheck))
	}
	if c.FailOn != "" && c.FailOn != finding.Never && !c.FailOn.Valid() {
		errs = append(errs, fmt.Errorf("fail_on: %q is not a severity: error, warning, info or style", c.FailOn))
	}
	return errors.Join(errs...)
}

// apply takes away what is ignored and gives the rest the severity it should have.
func (c Config) apply(set Set, findings []finding.Finding) []finding.Finding {
	ignored := map[string]bool{}
	for _, name := range c.Ignore {
		for _, code := range set.codes(name) {
			ignored[code] = true
		}
	}
	severity := map[string]finding.Severity{}
	for _, name := range slices.Sorted(maps.Keys(c.Severity)) {
		for _, code := range set.codes(name) {
			severity[code] = c.Severity[name]
		}
	}
	findings = slices.DeleteFunc(findings, func(f finding.Finding) bool { return ignored[f.Code] })
	for i := range findings {
		if s := severity[findings[i].Code]; s != "" {
			findings[i].Severity = s
		}
	}
	return findings
}

// enables says whether a rule that is off is asked for.
func (c Config) enables(set Set, code string) bool {
	return slices.ContainsFunc(c.Enable, func(name string) bool {
		return name == everything || slices.Contains(set.codes(name), code)
	})
}
