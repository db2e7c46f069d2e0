// Package attest turns facts about an image into what stands beside it in a
// registry: provenance (SLSA v1), statements and signatures that cosign
// verifies with a public key, and other artifacts, as OCI 1.1 referrers or,
// where a registry has none, under the fallback tag.
//
// Its invariants: the same facts and the same key make the same bytes (ECDSA
// signatures are those of RFC 6979), so that attaching twice changes nothing;
// and what is read back is believed only as far as the key verifies it. The
// package imports sbom for the facts and nothing else of davit.
package attest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The types of in-toto statements and of what they say.
const (
	StatementType     = "https://in-toto.io/Statement/v1"
	ProvenanceType    = "https://slsa.dev/provenance/v1"
	SPDXType          = "https://spdx.dev/Document"
	CycloneDXType     = "https://cyclonedx.org/bom"
	signatureType     = "https://sigstore.dev/cosign/sign/v1"
	inTotoPayloadType = "application/vnd.in-toto+json"
)

// Statement is an in-toto Statement v1: what somebody says about artifacts.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Resource      `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Resource is a ResourceDescriptor of in-toto v1.
type Resource struct {
	Name        string            `json:"name,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"` // hexadecimal, by algorithm
	Annotations map[string]string `json:"annotations,omitempty"`
}

// NewStatement says predicate, which is JSON, about the image with a name and a
// digest.
func NewStatement(name, digest, predicateType string, predicate []byte) (Statement, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return Statement{}, fmt.Errorf("make statement: %w", err)
	}
	if !json.Valid(predicate) {
		return Statement{}, fmt.Errorf("make statement %s: what it says is not JSON", predicateType)
	}
	return Statement{
		Type:          StatementType,
		Subject:       []Resource{{Name: name, Digest: map[string]string{hash.Algorithm: hash.Hex}}},
		PredicateType: predicateType, Predicate: predicate,
	}, nil
}

// ParseStatement reads a statement.
func ParseStatement(data []byte) (Statement, error) {
	var s Statement
	if err := json.Unmarshal(data, &s); err != nil {
		return Statement{}, fmt.Errorf("read statement: %w", err)
	}
	switch {
	case s.Type != StatementType:
		return Statement{}, fmt.Errorf("read statement: its type is %q, not %s", s.Type, StatementType)
	case s.PredicateType == "":
		return Statement{}, errors.New("read statement: it does not say what kind of statement it is (predicateType)")
	case len(s.Subject) == 0:
		return Statement{}, errors.New("read statement: it is about nothing (subject)")
	}
	return s, nil
}

// About says whether the digest is one of those that the statement is about.
func (s Statement) About(digest string) bool {
	algorithm, hex, _ := strings.Cut(digest, ":")
	for _, subject := range s.Subject {
		if hex != "" && subject.Digest[algorithm] == hex {
			return true
		}
	}
	return false
}

// JSON returns the statement as it is signed.
func (s Statement) JSON() ([]byte, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write statement: %w", err)
	}
	return data, nil
}

// Artifact returns the statement for a registry, without a signature.
func (s Statement) Artifact() (Artifact, error) {
	data, err := s.JSON()
	if err != nil {
		return Artifact{}, err
	}
	return Document(inTotoPayloadType, data, map[string]string{predicateAnnotation: s.PredicateType}), nil
}

// predicateAnnotation names the predicate type on an artifact, so that a client
// need not fetch what it does not look for.
const predicateAnnotation = "in-toto.io/predicate-type"
