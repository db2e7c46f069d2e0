package attest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// maxDocument is how many bytes of a document are read.
const maxDocument = 64 << 20

// Find lists what stands beside an image, by digest: through the referrers API
// where the registry has it, else under the fallback tag (OCI distribution-spec
// 1.1, "Listing Referrers"). With artifactType "" it lists all.
func Find(ctx context.Context, image name.Digest, artifactType string, options ...remote.Option) ([]v1.Descriptor, error) {
	all, err := referrers(ctx, image, options)
	if err != nil {
		return nil, fmt.Errorf("list what stands beside %s: %w", image, err)
	}
	var found []v1.Descriptor
	for _, d := range all {
		if !isKnown(d.ArtifactType) {
			m, err := artifactManifest(ctx, image, d, options)
			if err != nil {
				return nil, fmt.Errorf("list what stands beside %s: %w", image, err)
			}
			d.ArtifactType = cmp.Or(m.ArtifactType, string(m.Config.MediaType))
		}
		if artifactType == "" || d.ArtifactType == artifactType {
			found = append(found, d)
		}
	}
	return found, nil
}

// IsProvenance says whether what Find listed calls itself provenance.
func IsProvenance(d v1.Descriptor) bool {
	return d.Annotations[predicateAnnotation] == ProvenanceType || d.Annotations[bundledAnnotation] == ProvenanceType
}

// isKnown says whether a list of referrers tells the artifact type. Some
// registries give the type of the configuration in its place, which for an
// artifact is that of nothing.
func isKnown(artifactType string) bool {
	return artifactType != "" && artifactType != string(noConfig().mediaType)
}

func referrers(ctx context.Context, image name.Digest, options []remote.Option) ([]v1.Descriptor, error) {
	index, err := remote.Referrers(image, slices.Concat(options, []remote.Option{remote.WithContext(ctx)})...)
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list.Manifests, func(a, b v1.Descriptor) int { return cmp.Compare(a.Digest.String(), b.Digest.String()) })
	return list.Manifests, nil
}

func artifactManifest(ctx context.Context, image name.Digest, d v1.Descriptor, options []remote.Option) (*v1.Manifest, error) {
	artifact, err := remote.Image(image.Context().Digest(d.Digest.String()), slices.Concat(options, []remote.Option{remote.WithContext(ctx)})...)
	if err != nil {
		return nil, err
	}
	return artifact.Manifest()
}

// Read returns the bytes of a document beside image that Find listed, checked
// against their digest.
func Read(ctx context.Context, image name.Digest, d v1.Descriptor, options ...remote.Option) ([]byte, error) {
	m, err := artifactManifest(ctx, image, d, options)
	if err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", d.Digest, err)
	}
	if len(m.Layers) != 1 {
		return nil, fmt.Errorf("read artifact %s: it has %d blobs, not one", d.Digest, len(m.Layers))
	}
	blob := m.Layers[0]
	if blob.Size > maxDocument {
		return nil, fmt.Errorf("read artifact %s: %d bytes are too many for a document (allowed: %d)", d.Digest, blob.Size, maxDocument)
	}
	layer, err := remote.Layer(image.Context().Digest(blob.Digest.String()), slices.Concat(options, []remote.Option{remote.WithContext(ctx)})...)
	if err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", d.Digest, err)
	}
	content, err := layer.Compressed() // it is as it is: nothing was compressed
	if err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", d.Digest, err)
	}
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, maxDocument+1))
	if err == nil && int64(len(data)) != blob.Size {
		err = fmt.Errorf("blob %s has another size than its manifest says", blob.Digest)
	}
	if err != nil {
		return nil, fmt.Errorf("read artifact %s: %w", d.Digest, err)
	}
	return data, nil
}

// ErrNoStatement says that nothing of the kind stands beside the image.
var ErrNoStatement = errors.New("there is no such statement beside the image")

// Statements returns the statements of a predicate type about an image. With a
// key only those that it signed, without one also those that nobody signed or
// that somebody unknown did. When there is none it returns ErrNoStatement with
// the reasons why others do not count.
func Statements(ctx context.Context, image name.Digest, predicateType string, key *PublicKey, options ...remote.Option) ([]Statement, error) {
	candidates, err := Find(ctx, image, "", options...)
	if err != nil {
		return nil, err
	}
	var found []Statement
	var reasons []error
	for _, d := range candidates {
		if d.ArtifactType != BundleType && d.ArtifactType != inTotoPayloadType {
			continue
		}
		s, err := readStatement(ctx, image, d, key, options)
		switch {
		case err != nil:
			reasons = append(reasons, fmt.Errorf("%s: %w", d.Digest, err))
		case s.PredicateType != predicateType:
		case !s.About(image.DigestStr()):
			reasons = append(reasons, fmt.Errorf("%s: it is about another image", d.Digest))
		default:
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %s: %w", image, predicateType, errors.Join(append([]error{ErrNoStatement}, reasons...)...))
	}
	return found, nil
}

func readStatement(ctx context.Context, image name.Digest, d v1.Descriptor, key *PublicKey, options []remote.Option) (Statement, error) {
	if d.ArtifactType == inTotoPayloadType && key != nil {
		return Statement{}, errors.New("nobody signed it")
	}
	data, err := Read(ctx, image, d, options...)
	if err != nil {
		return Statement{}, err
	}
	if d.ArtifactType == inTotoPayloadType {
		return ParseStatement(data)
	}
	envelope, err := ParseBundle(data)
	if err != nil {
		return Statement{}, err
	}
	if key != nil {
		return envelope.Open(*key)
	}
	return envelope.Peek()
}
