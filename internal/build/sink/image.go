// Package sink turns a finished image into one that is where it was wanted: a
// registry, an OCI layout folder, a tarball, or the store of Docker, Podman or
// containerd. It also knows what such a place is called, and makes version tags
// from git.
//
// Its invariants: the digest never changes on the way; a blob is streamed, never
// held in memory; and whatever is killed half way leaves nothing that reads as
// an image. The package knows nothing of how images are made.
package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is what goes somewhere: Image alone for one platform, Index for several.
type Image struct {
	Image v1.Image      // nil when there is an Index
	Index v1.ImageIndex // nil for one platform
	// Origins says which repository has a blob already, such as a base's layers. A
	// registry that is named there takes the blob from it instead of being sent it.
	Origins map[v1.Hash]name.Repository
}

// part is the image of one platform.
type part struct {
	platform *v1.Platform // nil where the image does not say
	image    v1.Image
}

// object is a blob of an image: a layer, a configuration, a manifest or an index.
type object struct {
	digest v1.Hash
	size   int64 // bytes
	media  types.MediaType
	origin name.Repository // that has it; zero for none
	open   func() (io.ReadCloser, error)
}

// contents is all that an image consists of, each blob once.
type contents struct {
	parts     []part
	blobs     []object // layers and configurations
	manifests []object // those of the platforms, then the index; the last is what the image is known by
}

func (c *contents) root() object { return c.manifests[len(c.manifests)-1] }

// all returns what refers to nothing before what refers to it.
func (c *contents) all() []object {
	return slices.Concat(c.blobs, c.manifests)
}

func (c *contents) size() (bytes int64) {
	for _, o := range c.all() {
		bytes += o.size
	}
	return bytes
}

// contents lists what the image consists of. Nothing is read but manifests and
// configurations.
func (i Image) contents() (*contents, error) {
	parts, err := i.parts()
	if err != nil {
		return nil, err
	}
	c := &contents{parts: parts}
	seen := map[v1.Hash]bool{}
	for _, p := range parts {
		if err := c.addImage(p.image, i.Origins, seen); err != nil {
			return nil, fmt.Errorf("read image: %w", err)
		}
	}
	if i.Index != nil {
		index, err := manifest(i.Index)
		if err != nil {
			return nil, fmt.Errorf("read image index: %w", err)
		}
		c.manifests = append(c.manifests, index)
	}
	return c, nil
}

// parts returns the images of the platforms in the order of the index.
func (i Image) parts() ([]part, error) {
	switch {
	case i.Index == nil && i.Image == nil:
		return nil, errors.New("there is no image to send")
	case i.Index == nil:
		config, err := i.Image.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("read image: %w", err)
		}
		return []part{{config.Platform(), i.Image}}, nil
	}
	listed, err := i.Index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read image index: %w", err)
	}
	var parts []part
	for _, m := range listed.Manifests {
		image, err := i.Index.Image(m.Digest)
		if err != nil {
			return nil, fmt.Errorf("read image %s of the index: %w", m.Digest, err)
		}
		parts = append(parts, part{m.Platform, image})
	}
	if len(parts) == 0 {
		return nil, errors.New("the image index is empty")
	}
	return parts, nil
}

func (c *contents) addImage(image v1.Image, origins map[v1.Hash]name.Repository, seen map[v1.Hash]bool) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	config, err := partial.ConfigLayer(image)
	if err != nil {
		return err
	}
	for _, l := range append(layers, config) {
		o, err := blob(l, origins)
		if err != nil {
			return err
		}
		if !seen[o.digest] {
			seen[o.digest] = true
			c.blobs = append(c.blobs, o)
		}
	}
	m, err := manifest(image)
	if err != nil {
		return err
	}
	if !seen[m.digest] {
		seen[m.digest] = true
		c.manifests = append(c.manifests, m)
	}
	return nil
}

func blob(l v1.Layer, origins map[v1.Hash]name.Repository) (object, error) {
	digest, err := l.Digest()
	if err != nil {
		return object{}, err
	}
	size, err := l.Size()
	if err != nil {
		return object{}, err
	}
	media, err := l.MediaType()
	if err != nil {
		return object{}, err
	}
	o := object{digest: digest, size: size, media: media, origin: origins[digest], open: l.Compressed}
	if from, ok := l.(*remote.MountableLayer); ok && o.origin == (name.Repository{}) {
		o.origin = from.Reference.Context()
	}
	return o, nil
}

// described is a manifest or an index.
type described interface {
	Digest() (v1.Hash, error)
	MediaType() (types.MediaType, error)
	RawManifest() ([]byte, error)
}

func manifest(d described) (object, error) {
	raw, err := d.RawManifest()
	if err != nil {
		return object{}, err
	}
	digest, err := d.Digest()
	if err != nil {
		return object{}, err
	}
	media, err := d.MediaType()
	if err != nil {
		return object{}, err
	}
	return object{digest: digest, size: int64(len(raw)), media: media, open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}}, nil
}

// copyTo writes the object and compares it with its digest.
func (o object) copyTo(ctx context.Context, w io.Writer) error {
	from, err := o.open()
	if err != nil {
		return err
	}
	sum, err := v1.Hasher(o.digest.Algorithm)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	n, err := io.Copy(io.MultiWriter(w, sum), untilDone{ctx, from})
	if err := errors.Join(err, from.Close()); err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); n != o.size || got != o.digest.Hex {
		return fmt.Errorf("%s is damaged: %d of %d bytes with the digest %s:%s", o.digest, n, o.size, o.digest.Algorithm, got)
	}
	return nil
}

// bytes returns the whole object, for manifests.
func (o object) bytes() ([]byte, error) {
	from, err := o.open()
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(from)
	return raw, errors.Join(err, from.Close())
}

// untilDone reads as long as its context lasts.
type untilDone struct {
	ctx context.Context //nolint:containedctx // lives as long as one copy
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}
