package attest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// BundleType is the media type of a Sigstore bundle, the form in which cosign
// keeps and looks for signatures and attestations from version 3 on.
const BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// bundledAnnotation is where cosign writes the predicate type of a bundle.
const bundledAnnotation = "dev.sigstore.bundle.predicateType"

// bundle is a Sigstore bundle (sigstore/protobuf-specs, sigstore_bundle.proto)
// with a public key in the place of a certificate, and without an entry in a
// transparency log.
type bundle struct {
	MediaType string    `json:"mediaType"`
	Material  material  `json:"verificationMaterial"`
	Envelope  *Envelope `json:"dsseEnvelope"`
}

type material struct {
	PublicKey publicKeyHint `json:"publicKey"`
}

type publicKeyHint struct {
	Hint string `json:"hint"`
}

// Attest signs the statement for a registry.
func (k Key) Attest(s Statement) (Artifact, error) {
	envelope, err := k.Seal(s)
	if err != nil {
		return Artifact{}, err
	}
	hint, err := k.Public().hint()
	if err != nil {
		return Artifact{}, err
	}
	data, err := json.Marshal(bundle{
		MediaType: BundleType, Material: material{publicKeyHint{hint}}, Envelope: &envelope,
	})
	if err != nil {
		return Artifact{}, fmt.Errorf("write bundle: %w", err)
	}
	return Document(BundleType, data, map[string]string{
		"dev.sigstore.bundle.content": "dsse-envelope",
		bundledAnnotation:             s.PredicateType,
	}), nil
}

// ParseBundle reads a Sigstore bundle with a statement in it. It verifies
// nothing.
func ParseBundle(data []byte) (Envelope, error) {
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return Envelope{}, fmt.Errorf("read bundle: %w", err)
	}
	if !strings.HasPrefix(b.MediaType, "application/vnd.dev.sigstore.bundle") {
		return Envelope{}, fmt.Errorf("read bundle: %q is not the type of a bundle", b.MediaType)
	}
	if b.Envelope == nil {
		return Envelope{}, fmt.Errorf("read bundle: it has no dsseEnvelope")
	}
	return *b.Envelope, b.Envelope.check()
}
