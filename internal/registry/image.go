package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/registry/blob"
	"github.com/davit-dev/davit/internal/registry/unpack"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// tempRoot begins the names of roots that are not finished.
const tempRoot = "tmp-"

// Unpack brings an image into a folder of its own, once, and returns it with
// what its configuration says. Of an index it takes the image for this machine.
// Whatever would reach out of the folder, is a device, or goes beyond the bounds
// is refused, and then nothing of the image stays.
func (s *Store) Unpack(ctx context.Context, repo, digest string) (driver.Image, error) {
	m, doc, err := s.image(ctx, repo, digest)
	if err != nil {
		return driver.Image{}, err
	}
	d, err := blob.ParseDigest(m.Digest)
	if err != nil {
		return driver.Image{}, err
	}
	lock := s.rootLock(m.Digest)
	lock.Lock()
	defer lock.Unlock()
	root := filepath.Join(s.dir, rootsName, d.FileName())
	if _, err := os.Stat(root); errors.Is(err, os.ErrNotExist) {
		if err := s.unpack(ctx, doc, root); err != nil {
			return driver.Image{}, fmt.Errorf("unpack %s: %w", digest, err)
		}
	}
	return s.configured(doc, digest, root)
}

func (s *Store) rootLock(digest string) *sync.Mutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roots[digest] == nil {
		s.roots[digest] = &sync.Mutex{}
	}
	return s.roots[digest]
}

// image finds an image manifest, through an index if need be.
func (s *Store) image(ctx context.Context, repo, reference string) (Manifest, document, error) {
	m, err := s.Manifest(ctx, repo, reference)
	if err != nil {
		return m, document{}, err
	}
	var doc document
	if err := json.Unmarshal(m.Bytes, &doc); err != nil {
		return m, doc, fmt.Errorf("read manifest %s: %w", reference, err)
	}
	if m.MediaType != typeIndex && m.MediaType != typeDockerList {
		return m, doc, nil
	}
	for _, entry := range doc.Manifests {
		p := entry.Platform
		if p != nil && p.OS == "linux" && p.Architecture == runtime.GOARCH {
			return s.image(ctx, repo, entry.Digest)
		}
	}
	return m, doc, fmt.Errorf("index %s has no image for linux/%s", reference, runtime.GOARCH)
}

// configured reads the image's configuration (OCI image-spec 1.1, config.md).
func (s *Store) configured(doc document, digest, root string) (driver.Image, error) {
	if doc.Config == nil {
		return driver.Image{}, fmt.Errorf("manifest %s is no image", digest)
	}
	data, err := s.read(doc.Config.Digest, maxManifest)
	if err != nil {
		return driver.Image{}, err
	}
	var file struct {
		Config struct {
			Entrypoint, Cmd, Env []string
			User, WorkingDir     string
		} `json:"config"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return driver.Image{}, fmt.Errorf("read the configuration of %s: %w", digest, err)
	}
	c := file.Config
	return driver.Image{
		Digest: digest, Root: root, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, User: c.User, WorkingDir: c.WorkingDir,
	}, nil
}

// unpack applies the layers in a temporary folder and gives it its name when
// all went well.
func (s *Store) unpack(ctx context.Context, doc document, root string) error {
	var layers []unpack.Layer
	for _, layer := range doc.Layers {
		d, err := blob.ParseDigest(layer.Digest)
		if err != nil {
			return err
		}
		layers = append(layers, unpack.Layer{Name: d.String(), Open: func() (io.ReadCloser, error) {
			content, _, err := s.blobs.Open(d)
			return content, err
		}})
	}
	temp, err := os.MkdirTemp(filepath.Dir(root), tempRoot)
	if err != nil {
		return err
	}
	limits := unpack.Limits{Entries: s.opts.MaxEntries, Bytes: s.opts.MaxBytes}
	if err := unpack.Into(ctx, temp, layers, limits); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, root); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return atomicfile.SyncDir(filepath.Dir(root))
}
