// Package registry keeps images at rest: an OCI distribution 1.1 server over a
// content-addressed store on disk. What is acknowledged is durable, what is read
// is verified, and what a release needs cannot be deleted. DESIGN.md says what
// is promised and how. The package knows the values of driver, and nothing of
// who uses it.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// ErrNotFound says that there is no such manifest, blob, tag or upload.
var ErrNotFound = errors.New("not found")

// ErrCorrupt says that a file does not have the digest that it is stored under.
var ErrCorrupt = errors.New("content does not match its digest")

// uploadTTL is how long an unfinished upload may rest.
const uploadTTL = 24 * time.Hour

// Options of a Store. The zero value has no holders.
type Options struct {
	// Held says who needs the manifest with a digest, which then cannot be deleted.
	Held func(digest string) (holder string, held bool)

	// MaxEntries and MaxBytes bound an unpacked image; 0 means 200 000 entries
	// and 8 GiB.
	MaxEntries int
	MaxBytes   int64
}

// Store is a folder of blobs and the index over them. It is safe for concurrent
// use, by one process.
type Store struct {
	dir   string
	opts  Options
	index *index

	mu      sync.Mutex
	uploads map[string]*upload
	roots   map[string]*sync.Mutex // by image digest
}

// The folders of a store.
const (
	blobsName   = "blobs"
	uploadsName = "uploads"
	rootsName   = "roots"
)

// Open opens the store in a folder, or makes one. Uploads that rested for too
// long, and what a crash left half done, are swept away.
func Open(dir string, opts Options) (*Store, error) {
	if opts.Held == nil {
		opts.Held = func(string) (string, bool) { return "", false }
	}
	if opts.MaxEntries == 0 {
		opts.MaxEntries = maxEntries
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = maxBytes
	}
	s := &Store{dir: dir, opts: opts, uploads: map[string]*upload{}, roots: map[string]*sync.Mutex{}}
	for _, name := range []string{blobsName, uploadsName, rootsName} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make store: %w", err)
		}
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	var err error
	if s.index, err = openIndex(filepath.Join(dir, "registry.db")); err != nil {
		return nil, err
	}
	if err := atomicfile.SyncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the index. Requests must have ended.
func (s *Store) Close() error { return s.index.close() }

// sweep removes stale uploads and half unpacked roots.
func (s *Store) sweep() error {
	uploads, err := os.ReadDir(filepath.Join(s.dir, uploadsName))
	if err != nil {
		return fmt.Errorf("sweep uploads: %w", err)
	}
	for _, entry := range uploads {
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > uploadTTL {
			_ = os.Remove(filepath.Join(s.dir, uploadsName, entry.Name())) // tried again next time
		}
	}
	halves, err := filepath.Glob(filepath.Join(s.dir, rootsName, tempRoot+"*"))
	if err != nil {
		return fmt.Errorf("sweep roots: %w", err)
	}
	for _, half := range halves {
		if err := os.RemoveAll(half); err != nil {
			return fmt.Errorf("sweep roots: %w", err)
		}
	}
	return nil
}

// Manifest is a manifest as it was pushed.
type Manifest struct {
	Digest    string
	MediaType string
	Bytes     []byte
}

// Manifest returns the manifest that a tag or digest refers to.
func (s *Store) Manifest(ctx context.Context, repo, reference string) (Manifest, error) {
	record, err := s.index.manifest(ctx, repo, reference)
	if err != nil {
		return Manifest{}, err
	}
	data, err := s.readBlob(record.Digest, maxManifest)
	if err != nil {
		return Manifest{}, err
	}
	return Manifest{Digest: record.Digest, MediaType: record.MediaType, Bytes: data}, nil
}

// Blob opens a blob of a repository and returns its size. Reading to the end
// fails with ErrCorrupt when the content is not what the digest says.
func (s *Store) Blob(ctx context.Context, repo, digest string) (io.ReadCloser, int64, error) {
	d, err := parseDigest(digest)
	if err != nil {
		return nil, 0, err
	}
	linked, err := s.index.linked(ctx, repo, digest)
	if err != nil {
		return nil, 0, err
	}
	if !linked {
		return nil, 0, fmt.Errorf("blob %s in %s: %w", digest, repo, ErrNotFound)
	}
	return s.open(d)
}

// open opens a blob's file, verified while it is read.
func (s *Store) open(d digest) (io.ReadCloser, int64, error) {
	f, err := os.Open(s.path(d))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, fmt.Errorf("blob %s: %w", d, ErrNotFound)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open blob: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("open blob: %w", err)
	}
	return &verified{file: f, digest: d, hash: d.hash(), left: info.Size()}, info.Size(), nil
}

// readBlob reads a blob of at most limit bytes as a whole.
func (s *Store) readBlob(text string, limit int64) ([]byte, error) {
	d, err := parseDigest(text)
	if err != nil {
		return nil, err
	}
	rc, size, err := s.open(d)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	if size > limit {
		return nil, fmt.Errorf("blob %s has %d bytes, at most %d are read at once", d, size, limit)
	}
	return io.ReadAll(rc)
}

// path is where a blob's file is.
func (s *Store) path(d digest) string {
	return filepath.Join(s.dir, blobsName, d.algorithm, d.hex[:2], d.hex)
}

// adopt makes a complete, verified file the blob with its digest. When it
// returns, a power cut does not lose it.
func (s *Store) adopt(f *os.File, d digest) error {
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync blob: %w", err)
	}
	path := s.path(d)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder for blob: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("store blob: %w", err)
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := atomicfile.SyncDir(dir); err != nil {
			return err
		}
		if dir == s.dir {
			return nil
		}
	}
}

// putBytes stores a small blob.
func (s *Store) putBytes(data []byte, d digest) error {
	f, err := os.CreateTemp(filepath.Join(s.dir, uploadsName), "bytes-*")
	if err != nil {
		return fmt.Errorf("store blob: %w", err)
	}
	defer f.Close()
	_, err = f.Write(data)
	if err == nil {
		err = s.adopt(f, d)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it has another name when it was stored
		return fmt.Errorf("store blob %s: %w", d, err)
	}
	return nil
}
