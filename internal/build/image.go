package build

import (
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is a finished image. Its layers lie in the cache folder; nothing of it
// has been sent anywhere.
type Image struct {
	name     string
	config   v1.Config
	digest   v1.Hash
	size     int64
	image    v1.Image
	progress func(Event)
}

// newImage puts layers together (OCI image-spec 1.1: config.md, manifest.md).
func newImage(name string, cfg v1.Config, layers []namedLayer, progress func(Event)) (*Image, error) {
	created := v1.Time{Time: time.Unix(0, 0).UTC()}
	file := &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", Created: created,
		Config: cfg, RootFS: v1.RootFS{Type: "layers"},
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(image, file)
	if err != nil {
		return nil, fmt.Errorf("make image: %w", err)
	}
	for _, l := range layers {
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: l.layer, History: v1.History{CreatedBy: "davit: " + l.name, Created: created},
		})
		if err != nil {
			return nil, fmt.Errorf("make image: %w", err)
		}
	}
	made := &Image{name: name, config: cfg, image: image, progress: progress}
	if made.digest, err = image.Digest(); err != nil {
		return nil, fmt.Errorf("make image: %w", err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, fmt.Errorf("make image: %w", err)
	}
	made.size = manifest.Config.Size
	for _, l := range manifest.Layers {
		made.size += l.Size
	}
	return made, nil
}

// Digest returns the digest of the image's manifest, "sha256:…".
func (i *Image) Digest() string { return i.digest.String() }

// Name returns the name of the program.
func (i *Image) Name() string { return i.name }

// Entrypoint returns the path of the program in the image.
func (i *Image) Entrypoint() string { return i.config.Entrypoint[0] }

// Size returns the bytes of configuration and compressed layers.
func (i *Image) Size() int64 { return i.size }

// V1 returns the image as go-containerregistry knows images.
func (i *Image) V1() v1.Image { return i.image }

func (i *Image) tell(e Event) {
	if i.progress != nil {
		i.progress(e)
	}
}
