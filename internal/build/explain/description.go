// Package explain turns two images into the reasons why their digests differ,
// and says where a rebuilt image first differs from the one that it should be.
//
// Its invariant: images are only read, layer by layer, and no layer is ever
// held in memory. What it says of causes that are not in the image (flags that
// Go does not record, the source) comes from the provenance beside it. The
// package imports attest and nothing else of davit.
package explain

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"runtime/debug"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/davit-dev/davit/internal/build/attest"
)

// Description is what is in an image of one platform.
type Description struct {
	Digest     string // "sha256:…" of the manifest
	Platform   string // such as linux/arm64
	Config     []byte // the configuration as it is stored
	Layers     []Layer
	Files      map[string]File // by path, as the layers leave them
	Provenance *attest.Recipe  // nil where none stands beside the image
}

// Layer is a layer of an image.
type Layer struct {
	Digest    v1.Hash // of the compressed bytes
	DiffID    v1.Hash // of the tar archive
	MediaType types.MediaType
	CreatedBy string // from the history; may be empty
}

// File is what one path of an image holds.
type File struct {
	Layer    int  // index in Description.Layers of the layer that it comes from
	Kind     byte // as tar.Header.Typeflag
	Mode     int64
	UID, GID int
	Size     int64  // bytes
	Link     string // of a symbolic link
	SHA256   string // of the content, in hexadecimal; "" for what has none
	Modified time.Time
	Info     *debug.BuildInfo // of a Go program
}

// Describe reads an image.
func Describe(ctx context.Context, image v1.Image) (Description, error) {
	digest, err := image.Digest()
	if err != nil {
		return Description{}, fmt.Errorf("read image: %w", err)
	}
	d := Description{Digest: digest.String(), Files: map[string]File{}}
	if d.Config, err = image.RawConfigFile(); err != nil {
		return Description{}, fmt.Errorf("read image %s: %w", digest, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return Description{}, fmt.Errorf("read image %s: %w", digest, err)
	}
	if p := config.Platform(); p != nil {
		d.Platform = p.String()
	}
	layers, err := image.Layers()
	if err != nil {
		return Description{}, fmt.Errorf("read image %s: %w", digest, err)
	}
	for i, l := range layers {
		described, err := describeLayer(l)
		if err == nil {
			err = d.unpack(ctx, i, l)
		}
		if err != nil {
			return Description{}, fmt.Errorf("read image %s: layer %d: %w", digest, i+1, err)
		}
		d.Layers = append(d.Layers, described)
	}
	d.nameLayers(config.History)
	return d, nil
}

func describeLayer(l v1.Layer) (Layer, error) {
	digest, err := l.Digest()
	if err != nil {
		return Layer{}, err
	}
	diffID, err := l.DiffID()
	if err != nil {
		return Layer{}, err
	}
	mediaType, err := l.MediaType()
	return Layer{Digest: digest, DiffID: diffID, MediaType: mediaType}, err
}

// nameLayers takes over who made the layers (OCI image-spec 1.1, config.md,
// "history"): entries of empty layers have none.
func (d *Description) nameLayers(history []v1.History) {
	i := 0
	for _, h := range history {
		if h.EmptyLayer {
			continue
		}
		if i == len(d.Layers) {
			return
		}
		d.Layers[i].CreatedBy = h.CreatedBy
		i++
	}
}

// buildInfo returns what Go wrote into the program at path, or nil.
func buildInfo(path string) *debug.BuildInfo {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil // it is not of Go, or was linked without
	}
	return info
}
