package registry

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/davit-dev/davit/internal/registry/blob"
)

// Startable says what an image lacks to be started, nil if it lacks nothing: its
// manifest, its configuration, and either its unpacked folder or all of its
// layers. It looks whether they are there and does not read layers.
func (s *Store) Startable(ctx context.Context, repo, digest string) error {
	m, doc, err := s.image(ctx, repo, digest)
	if err != nil {
		return err
	}
	d, err := blob.ParseDigest(m.Digest)
	if err != nil {
		return err
	}
	root := filepath.Join(s.dir, rootsName, d.FileName())
	if _, err := s.configured(doc, digest, root); err != nil {
		return err
	}
	if _, err := os.Stat(root); err == nil {
		return nil
	}
	for _, layer := range doc.Layers {
		d, err := blob.ParseDigest(layer.Digest)
		if err != nil {
			return err
		}
		f, _, err := s.blobs.File(d)
		if err != nil {
			return fmt.Errorf("find a layer of %s: %w", digest, err)
		}
		f.Close()
	}
	return nil
}
