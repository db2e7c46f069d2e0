package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// WriteLayout writes the image into a folder as an OCI image layout (OCI
// image-spec 1.1, image-layout.md). An image that lies in it already is
// replaced in the index; a folder with anything else in it is refused.
func (i *Image) WriteLayout(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write OCI layout: %w", err)
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
			return fmt.Errorf("write OCI layout: %s holds files but no layout; name a folder that is empty or new", dir)
		}
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add:        i.image,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	})
	if _, err := layout.Write(dir, index); err != nil {
		return fmt.Errorf("write OCI layout %s: %w", dir, err)
	}
	return nil
}
