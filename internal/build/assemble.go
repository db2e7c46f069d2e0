package build

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	"github.com/davit-dev/davit/internal/build/layer"
)

// Stage is an image of one platform as the last stage of a Dockerfile leaves it.
type Stage struct {
	Platform v1.Platform
	Base     v1.Image // nil for none
	Config   v1.Config
	Author   string
	Layers   [][]layer.Entry // from the lowest up
}

// Assemble makes an image of stages, one for each platform.
func (b *Builder) Assemble(ctx context.Context, name string, stages []Stage) (*Image, error) {
	defer b.took("pack")()
	if err := b.makeFolders(); err != nil {
		return nil, err
	}
	parts := make([]Part, len(stages))
	for i, stage := range stages {
		var layers []namedLayer
		for n, entries := range stage.Layers {
			packed, err := b.packLayer(ctx, fmt.Sprintf("layer %d of %d", n+1, len(stage.Layers)), entries)
			if err != nil {
				return nil, err
			}
			layers = append(layers, packed)
		}
		file := &v1.ConfigFile{RootFS: v1.RootFS{Type: "layers"}}
		image := stage.Base
		if image == nil {
			image = empty.Image
		} else if based, err := image.ConfigFile(); err != nil {
			return nil, fmt.Errorf("read the base's configuration: %w", err)
		} else {
			file = based.DeepCopy()
		}
		file.Config, file.Author = stage.Config, stage.Author
		made, err := b.finish(image, file, stage.Platform, layers)
		if err != nil {
			return nil, err
		}
		parts[i] = Part{Platform: stage.Platform, Image: made, Binaries: goPrograms(stage.Layers)}
	}
	return newImage(name, parts, b.cfg.Annotations)
}

// goPrograms finds what Go made among files that lie on disk.
func goPrograms(layers [][]layer.Entry) []Binary {
	var found []Binary
	for _, entries := range layers {
		for _, e := range entries {
			if e.Open == nil || e.Mode&0o111 == 0 {
				continue
			}
			content, err := e.Open()
			if err != nil {
				continue // it is packed next, and says so
			}
			if file, ok := content.(*os.File); ok {
				if info, err := buildinfo.Read(file); err == nil {
					found = append(found, Binary{Package: info.Path, Path: path.Join("/", e.Name), File: file.Name()})
				}
			}
			_ = content.Close() // it was only read
		}
	}
	return found
}
