package registry

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// The bounds of an unpacked image.
const (
	maxEntries = 200_000
	maxBytes   = 8 << 30
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
	d, err := parseDigest(m.Digest)
	if err != nil {
		return driver.Image{}, err
	}
	lock := s.rootLock(m.Digest)
	lock.Lock()
	defer lock.Unlock()
	root := filepath.Join(s.dir, rootsName, d.algorithm+"-"+d.hex)
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
	data, err := s.readBlob(doc.Config.Digest, maxManifest)
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
	temp, err := os.MkdirTemp(filepath.Dir(root), tempRoot)
	if err != nil {
		return err
	}
	if err := s.applyAll(ctx, doc, temp); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, root); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return atomicfile.SyncDir(filepath.Dir(root))
}

func (s *Store) applyAll(ctx context.Context, doc document, dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := &unpacker{root: root, opts: s.opts, entries: s.opts.MaxEntries, bytes: s.opts.MaxBytes, stream: s.opts.MaxBytes}
	for _, layer := range doc.Layers {
		d, err := parseDigest(layer.Digest)
		if err != nil {
			return err
		}
		if err := s.apply(ctx, u, d); err != nil {
			return fmt.Errorf("layer %s: %w", d, err)
		}
	}
	return syncAll(dir)
}

func (s *Store) apply(ctx context.Context, u *unpacker, d digest) error {
	blob, _, err := s.open(d)
	if err != nil {
		return err
	}
	defer blob.Close()
	content, closeContent, err := decompress(blob)
	if err != nil {
		return err
	}
	defer closeContent()
	if err := u.layer(ctx, content); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, blob) // what follows the archive counts for the digest
	return err
}

// syncAll makes everything on the file system of a folder durable. One call for
// the whole image takes less time than one for each of its files and folders.
func syncAll(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(unix.Syncfs(int(f.Fd())), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// decompress tells compression by the first bytes, as media types are not
// always right.
func decompress(r io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReader(r)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	default:
		return buffered, func() {}, nil
	}
}
