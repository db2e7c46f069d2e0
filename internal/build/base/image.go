package base

import (
	"context"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// image is one whose layers come when somebody reads them. It implements
// partial.CompressedImageCore.
type image struct {
	r        *Resolver
	ctx      context.Context //nolint:containedctx // v1.Image takes none
	from     name.Repository
	manifest []byte
	config   []byte
	parsed   *v1.Manifest
}

// MediaType implements partial.CompressedImageCore.
func (i *image) MediaType() (types.MediaType, error) { return i.parsed.MediaType, nil }

// RawManifest implements partial.CompressedImageCore.
func (i *image) RawManifest() ([]byte, error) { return i.manifest, nil }

// RawConfigFile implements partial.CompressedImageCore.
func (i *image) RawConfigFile() ([]byte, error) { return i.config, nil }

// LayerByDigest implements partial.CompressedImageCore.
func (i *image) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range i.parsed.Layers {
		if d.Digest == h {
			return &baseLayer{i, d}, nil
		}
	}
	return nil, fmt.Errorf("the base has no layer %s", h)
}

// baseLayer is a layer of a base.
type baseLayer struct {
	image *image
	v1.Descriptor
}

// Digest implements partial.CompressedLayer.
func (l *baseLayer) Digest() (v1.Hash, error) { return l.Descriptor.Digest, nil }

// Size implements partial.CompressedLayer.
func (l *baseLayer) Size() (int64, error) { return l.Descriptor.Size, nil }

// MediaType implements partial.CompressedLayer.
func (l *baseLayer) MediaType() (types.MediaType, error) { return l.Descriptor.MediaType, nil }

// Compressed implements partial.CompressedLayer. The layer is fetched when it is
// not in the cache.
func (l *baseLayer) Compressed() (io.ReadCloser, error) {
	r, d := l.image.r, l.Descriptor
	if content, found := r.blobs.open(d.Digest, d.Size); found {
		return content, nil
	}
	r.tell(fmt.Sprintf("layer %s of %s", d.Digest, l.image.from))
	err := r.blobs.fill(l.image.ctx, d.Digest, d.Size, func() (io.ReadCloser, error) {
		remoteLayer, err := remote.Layer(l.image.from.Digest(d.Digest.String()), r.options(l.image.ctx)...)
		if err != nil {
			return nil, err
		}
		return remoteLayer.Compressed()
	})
	if err != nil {
		return nil, fmt.Errorf("fetch layer %s of %s: %w", d.Digest, l.image.from, err)
	}
	content, found := r.blobs.open(d.Digest, d.Size)
	if !found {
		return nil, fmt.Errorf("fetch layer %s of %s: it does not stay in the cache", d.Digest, l.image.from)
	}
	return content, nil
}
