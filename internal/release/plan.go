package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/verify"
)

// PlanMediaType names a plan in a registry: its artifact type and the media
// type of the one layer that holds the canonical JSON.
const PlanMediaType = "application/vnd.davit.plan.v1+json"

// EvidenceMediaType names what the client found out before it shipped.
const EvidenceMediaType = "application/vnd.davit.evidence.v1+json"

// PlanVersion is the version of the plan's form that this package writes. It reads
// older ones; in version 1 there were neither replicas nor limits, volumes and a guard.
const PlanVersion = 2

// Plan says what shall run, how it is proved, and how it goes out. It is
// complete: the same plan means the same thing on any day. Image and
// configuration together are what is released, blocked, and gone back to.
type Plan struct {
	Version int           `json:"version"`
	App     string        `json:"app"`
	Hosts   []string      `json:"hosts"`
	Image   Image         `json:"image"`
	Run     driver.Config `json:"run"`
	Verify  verify.Suite  `json:"verify"`
	Release Config        `json:"release"`
	Secrets []Secret      `json:"secrets,omitempty"` // of Run.Secrets, in that order
}

// Secret names the version of a secret that a release runs with. The values are
// known to the platform alone.
type Secret struct {
	Name       string `json:"name"`              // of the variable
	Production string `json:"production"`        // fingerprint
	Staging    string `json:"staging,omitempty"` // "": it has no value there
}

// Image names an image in davit's registry.
type Image struct {
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
}

var appName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// ValidName says whether name can be an app's: a DNS label of at most 40 bytes,
// which leaves room for what is appended to it.
func ValidName(name string) bool { return appName.MatchString(name) }

// Canonical returns the plan's JSON: fields in the order of the types, map keys
// sorted, no white space, nothing escaped that need not be.
func (p Plan) Canonical() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("encode plan of %s: %w", p.App, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Digest is SHA-256 over the canonical JSON, as "sha256:<hex>". It identifies
// what is released.
func (p Plan) Digest() (string, error) {
	data, err := p.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// DecodePlan reads a plan, strictly: what this version does not know is an
// error, since ignoring it would release something else than was meant.
func DecodePlan(data []byte) (Plan, error) {
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(data, &head) == nil && head.Version > PlanVersion { // with fields that nobody knows yet
		return Plan{}, fmt.Errorf("decode plan: it has version %d, this davit knows versions up to %d: use a newer davit", head.Version, PlanVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var p Plan
	if err := dec.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("decode plan: %w", err)
	}
	if dec.More() {
		return Plan{}, errors.New("decode plan: more follows after it")
	}
	return p, p.Validate()
}

// Validate says why a plan cannot be released.
func (p Plan) Validate() error {
	if p.Version < 1 || p.Version > PlanVersion {
		return fmt.Errorf("plan has version %d, this davit knows versions 1 to %d", p.Version, PlanVersion)
	}
	if !ValidName(p.App) {
		return fmt.Errorf("name: %q is not a DNS label of at most 40 characters (a-z, 0-9, -)", p.App)
	}
	if len(p.Hosts) == 0 {
		return errors.New("hosts: at least one host name is needed")
	}
	for i, host := range p.Hosts {
		if err := ValidateHost(host); err != nil {
			return fmt.Errorf("hosts[%d]: %w", i, err)
		}
	}
	if p.Image.Repository == "" || p.Image.Digest == "" {
		return errors.New("plan names no image")
	}
	if err := p.Run.Validate(); err != nil {
		return fmt.Errorf("run.%w", err)
	}
	if err := p.validateSecrets(); err != nil {
		return err
	}
	if err := p.Verify.Validate(); err != nil {
		return fmt.Errorf("verify.%w", err)
	}
	if err := p.Release.Validate(); err != nil {
		return fmt.Errorf("release.%w", err)
	}
	return nil
}

// validateSecrets wants a version for each secret that instances need.
func (p Plan) validateSecrets() error {
	named := make([]string, 0, len(p.Secrets))
	for _, s := range p.Secrets {
		if s.Production == "" {
			return fmt.Errorf("secrets: %s has no version for production", s.Name)
		}
		named = append(named, s.Name)
	}
	if !slices.Equal(named, p.Run.Secrets) {
		return fmt.Errorf("run.secrets: the plan has versions of %q, and %q are needed", named, p.Run.Secrets)
	}
	return nil
}

// Evidence is what the client knows about a plan and the server cannot see. It
// travels beside the plan into the journal and changes nothing.
type Evidence struct {
	Revision string   `json:"revision,omitempty"` // git commit, "" when there is none
	Dirty    bool     `json:"dirty,omitempty"`    // the tree differed from the commit
	Tree     string   `json:"tree,omitempty"`     // digest of the sources
	Go       string   `json:"go,omitempty"`       // toolchain that built it
	Davit    string   `json:"davit,omitempty"`
	Findings []string `json:"findings,omitempty"` // one line each, as `davit check` prints them
	Tests    string   `json:"tests,omitempty"`    // "passed", "skipped by request"
}
