package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// What a suite may consist of. It travels inside the plan of a release.
const (
	maxFiles      = 200
	maxAssertions = 1000
	maxFileBytes  = 256 << 10
	maxSuiteBytes = 1 << 20 // of all files together, as they are written
)

// Suite is all that is proved of a version in staging. It is complete in itself:
// it names no file of the machine it was read on, and comments and layout of the
// files do not change it.
type Suite struct {
	Files []File            `json:"files,omitempty"` // sorted by name
	Load  *LoadRun          `json:"load,omitempty"`  // runs when all assertions hold
	Env   map[string]string `json:"env,omitempty"`   // overrides run.env in staging
}

// File is one assertion file. Its assertions run in order and share what they save.
type File struct {
	Name       string      `json:"name"` // slash-separated, below the module: "acceptance/orders.yaml"
	Assertions []Assertion `json:"assertions"`
}

// Digest is SHA-256 over the canonical JSON of s, as "sha256:<hex>".
func (s Suite) Digest() (string, error) { return digest(s) }

// Validate says why a suite cannot be run. What Load returns is valid; a suite
// that came over a wire may not be.
func (s Suite) Validate() error {
	var errs []error
	if len(s.Files) > maxFiles {
		errs = append(errs, fmt.Errorf("%d files are too many, at most %d", len(s.Files), maxFiles))
	}
	count := 0
	for _, file := range s.Files {
		count += len(file.Assertions)
		for _, p := range file.problems() {
			errs = append(errs, fmt.Errorf("%s: %q: %w", file.Name, file.Assertions[p.index].Name, p.err))
		}
	}
	if count > maxAssertions {
		errs = append(errs, fmt.Errorf("%d assertions are too many, at most %d", count, maxAssertions))
	}
	if s.Load != nil {
		errs = append(errs, prefix("load.", s.Load.Validate()))
	}
	return errors.Join(append(errs, validateEnv(s.Env))...)
}

// problem is what is wrong with the index-th assertion of a file.
type problem struct {
	index int
	err   error
}

func (f File) problems() []problem {
	var problems []problem
	names, saved := map[string]bool{}, map[string]bool{}
	for i, assertion := range f.Assertions {
		if names[assertion.Name] {
			problems = append(problems, problem{i, fmt.Errorf("name: %q is used twice in this file; give each assertion its own name", assertion.Name)})
		}
		names[assertion.Name] = true
		for _, err := range assertion.problems(saved) {
			problems = append(problems, problem{i, err})
		}
		for name := range assertion.Save {
			saved[name] = true
		}
	}
	return problems
}

// digest returns the SHA-256 of the canonical JSON of v.
func digest(v any) (string, error) {
	data, err := canonical(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
