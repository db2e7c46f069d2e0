package attest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	simpleSigningType   = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureAnnotation = "dev.cosignproject.cosign/signature"
)

// simpleSigning is what cosign before version 3 signs (cosign,
// specs/SIGNATURE_SPEC.md, "Simple Signing").
type simpleSigning struct {
	Critical critical `json:"critical"`
	Optional *string  `json:"optional"`
}

type critical struct {
	Identity struct {
		Reference string `json:"docker-reference"`
	} `json:"identity"`
	Image struct {
		Digest string `json:"docker-manifest-digest"`
	} `json:"image"`
	Type string `json:"type"`
}

// Sign signs an image in both forms that cosign knows: as a bundle beside it,
// for version 3 and later, and under the tag sha256-HEX.sig, for those before.
func Sign(ctx context.Context, repo name.Repository, subject v1.Descriptor, key Key, options ...remote.Option) error {
	image := repo.Digest(subject.Digest.String())
	statement, err := NewStatement(repo.Name(), subject.Digest.String(), signatureType, []byte("{}"))
	if err != nil {
		return err
	}
	signature, err := key.Attest(statement)
	if err != nil {
		return fmt.Errorf("sign %s: %w", image, err)
	}
	if err := Attach(ctx, repo, subject, []Artifact{signature}, options...); err != nil {
		return fmt.Errorf("sign %s: %w", image, err)
	}
	if err := signSimply(image, key, append(slices.Clone(options), remote.WithContext(ctx))); err != nil {
		return fmt.Errorf("sign %s: %w", image, err)
	}
	return nil
}

// signSimply adds the signature to those under the tag.
func signSimply(image name.Digest, key Key, options []remote.Option) error {
	tag := image.Context().Tag(strings.ReplaceAll(image.DigestStr(), ":", "-") + ".sig")
	var payload simpleSigning
	payload.Critical.Identity.Reference = image.Context().Name()
	payload.Critical.Image.Digest = image.DigestStr()
	payload.Critical.Type = "cosign container image signature"
	data, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	signature, err := key.Sign(data)
	if err != nil {
		return err
	}
	annotation := map[string]string{signatureAnnotation: base64.StdEncoding.EncodeToString(signature)}
	there, err := signatures(tag, options)
	if err != nil {
		return err
	}
	m, err := there.Manifest()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(m.Layers, func(d v1.Descriptor) bool {
		return d.Annotations[signatureAnnotation] == annotation[signatureAnnotation]
	}) {
		return nil
	}
	signed, err := mutate.Append(there, mutate.Addendum{
		Layer:       Document(simpleSigningType, data, nil).content,
		MediaType:   simpleSigningType,
		Annotations: annotation,
	})
	if err != nil {
		return err
	}
	return remote.Write(tag, signed, options...)
}

// signatures returns what is under the tag, or an image without layers.
func signatures(tag name.Tag, options []remote.Option) (v1.Image, error) {
	image, err := remote.Image(tag, options...)
	missing := (*transport.Error)(nil)
	if errors.As(err, &missing) && missing.StatusCode == http.StatusNotFound {
		return mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), nil
	}
	return image, err
}
