package build

import (
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is a finished image, of one platform or of several. Its layers lie in
// the cache folder; nothing of it has been sent anywhere.
type Image struct {
	name   string
	digest v1.Hash
	size   int64
	parts  []Part
	index  v1.ImageIndex // nil where there is one platform
}

// Part is an image of one platform.
type Part struct {
	Platform v1.Platform
	Image    v1.Image
	Binaries []Binary
}

// Binary is a program of an image.
type Binary struct {
	Package string // import path
	Path    string // in the image
	File    string // in the cache, as long as nobody builds again
}

// SHA256 reads the program and returns the sum of its content in hexadecimal.
func (b Binary) SHA256() (string, error) { return program{Path: b.File}.sha256() }

// newImage puts parts together (OCI image-spec 1.1: image-index.md).
func newImage(name string, parts []Part, annotations map[string]string) (*Image, error) {
	made := &Image{name: name, parts: parts}
	for _, part := range parts {
		manifest, err := part.Image.Manifest()
		if err != nil {
			return nil, fmt.Errorf("make image: %w", err)
		}
		made.size += manifest.Config.Size
		for _, l := range manifest.Layers {
			made.size += l.Size
		}
	}
	var err error
	if len(parts) == 1 {
		if made.digest, err = parts[0].Image.Digest(); err != nil {
			return nil, fmt.Errorf("make image: %w", err)
		}
		return made, nil
	}
	made.index = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, part := range parts {
		made.index = mutate.AppendManifests(made.index, mutate.IndexAddendum{
			Add: part.Image, Descriptor: v1.Descriptor{Platform: &part.Platform},
		})
	}
	if len(annotations) > 0 {
		annotated, ok := mutate.Annotations(made.index, annotations).(v1.ImageIndex)
		if !ok {
			return nil, errors.New("make image: annotations cannot be put on an index")
		}
		made.index = annotated
	}
	if made.digest, err = made.index.Digest(); err != nil {
		return nil, fmt.Errorf("make image: %w", err)
	}
	return made, nil
}

// part puts layers on a base (OCI image-spec 1.1: config.md, manifest.md). What
// the base's own manifest is annotated with stays there.
func (b *Builder) part(c compiled, on ground, layers []namedLayer) (Part, error) {
	image := empty.Image
	file := &v1.ConfigFile{RootFS: v1.RootFS{Type: "layers"}}
	if on.image != nil {
		image = on.image
		based, err := on.image.ConfigFile()
		if err != nil {
			return Part{}, fmt.Errorf("read the base's configuration: %w", err)
		}
		file = based.DeepCopy()
	}
	file.Author, file.Config = "", b.config(file.Config, c)
	image, err := b.finish(image, file, c.platform, layers)
	if err != nil {
		return Part{}, err
	}
	part := Part{Platform: c.platform, Image: image}
	for i, p := range c.programs {
		part.Binaries = append(part.Binaries, Binary{Package: p.Main.Package, Path: b.pathOf(c.programs, i), File: p.Path})
	}
	return part, nil
}

// finish puts layers and a configuration on an image. No time and no trace of
// whoever made the base is in it.
func (b *Builder) finish(image v1.Image, file *v1.ConfigFile, p v1.Platform, layers []namedLayer) (v1.Image, error) {
	created := v1.Time{Time: time.Unix(0, 0).UTC()}
	file.OS, file.Architecture, file.Variant = p.OS, p.Architecture, p.Variant
	file.Created, file.Container = created, ""
	image, err := mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON), file)
	if err != nil {
		return nil, fmt.Errorf("make image: %w", err)
	}
	for _, l := range layers {
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: l.Layer, History: v1.History{CreatedBy: "davit: " + l.name, Created: created},
		})
		if err != nil {
			return nil, fmt.Errorf("make image: %w", err)
		}
	}
	if len(b.cfg.Annotations) == 0 {
		return image, nil
	}
	annotated, ok := mutate.Annotations(image, b.cfg.Annotations).(v1.Image)
	if !ok {
		return nil, errors.New("make image: annotations cannot be put on it")
	}
	return annotated, nil
}

// Digest returns the digest of the image's manifest or index, "sha256:…".
func (i *Image) Digest() string { return i.digest.String() }

// Name returns the name of the program.
func (i *Image) Name() string { return i.name }

// Entrypoint returns the path of the program in the image, "" where no Go program
// is in it.
func (i *Image) Entrypoint() string {
	if len(i.parts[0].Binaries) == 0 {
		return ""
	}
	return i.parts[0].Binaries[0].Path
}

// Size returns the bytes of configuration and compressed layers, of all platforms.
func (i *Image) Size() int64 { return i.size }

// Parts returns the images of the platforms, in the order of the configuration.
func (i *Image) Parts() []Part { return i.parts }

// Index returns the index of the platforms' images, nil where there is one.
func (i *Image) Index() v1.ImageIndex { return i.index }
