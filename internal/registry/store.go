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
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/registry/blob"
	"github.com/davit-dev/davit/internal/registry/index"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// ErrNotFound says that there is no such manifest, blob, tag or upload.
var ErrNotFound = blob.ErrNotFound

// ErrCorrupt says that a file does not have the digest that it is stored under.
var ErrCorrupt = blob.ErrCorrupt

// Options of a Store. The zero value has no holders.
type Options struct {
	// Held says who needs the manifest with a digest, which then cannot be deleted.
	Held func(digest string) (holder string, held bool)

	// MaxEntries and MaxBytes bound an unpacked image; 0 means 200 000 entries
	// and 8 GiB.
	MaxEntries int
	MaxBytes   int64

	// MaxBlob bounds a blob in bytes; 0 means 16 GiB.
	MaxBlob int64

	// Grace is how long what nothing names is kept, for pushes that are under
	// way; 0 means a day. Uploads may rest for as long.
	Grace time.Duration

	// Now is the clock; nil means the system's.
	Now func() time.Time

	// Log hears of what was collected; nil means nobody does.
	Log *slog.Logger
}

// The defaults of Options.
const (
	maxEntries   = 200_000
	maxBytes     = 8 << 30
	maxBlob      = 16 << 30
	defaultGrace = 24 * time.Hour
)

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Held == nil {
		o.Held = func(string) (string, bool) { return "", false }
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = maxEntries
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = maxBytes
	}
	if o.MaxBlob == 0 {
		o.MaxBlob = maxBlob
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store is a folder of blobs and the index over them. It is safe for concurrent
// use, by one process.
type Store struct {
	dir   string
	opts  Options
	blobs *blob.Store
	index *index.Index

	mu    sync.Mutex
	roots map[string]*sync.Mutex // by image digest
}

// rootsName is the folder of unpacked images.
const rootsName = "roots"

// Open opens the store in a folder, or makes one. Uploads that rested for too
// long, and what a crash left half done, are swept away.
func Open(dir string, opts Options) (*Store, error) {
	s := &Store{dir: filepath.Clean(dir), opts: opts.withDefaults(), roots: map[string]*sync.Mutex{}}
	if err := os.MkdirAll(filepath.Join(s.dir, rootsName), 0o700); err != nil {
		return nil, fmt.Errorf("make store: %w", err)
	}
	var err error
	if s.blobs, err = blob.NewStore(s.dir, s.opts.MaxBlob); err != nil {
		return nil, err
	}
	if s.index, err = index.Open(context.Background(), filepath.Join(s.dir, "registry.db")); err != nil {
		return nil, err
	}
	if err := s.settle(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the index. Requests must have ended.
func (s *Store) Close() error { return s.index.Close() }

// settle makes the store's folder durable and removes what a crash left.
func (s *Store) settle() error {
	if _, err := s.blobs.Sweep(s.opts.Now().Add(-s.opts.Grace)); err != nil {
		return err
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
	return errors.Join(atomicfile.SyncDir(s.dir), atomicfile.SyncDir(filepath.Dir(s.dir)))
}

// Manifest is a manifest as it was pushed.
type Manifest struct {
	Digest    string
	MediaType string
	Bytes     []byte
}

// Manifest returns the manifest that a tag or digest refers to.
func (s *Store) Manifest(ctx context.Context, repo, reference string) (Manifest, error) {
	record, err := s.record(ctx, repo, reference)
	if err != nil {
		return Manifest{}, err
	}
	data, err := s.read(record.Digest, maxManifest)
	if err != nil {
		return Manifest{}, err
	}
	return Manifest{Digest: record.Digest, MediaType: record.MediaType, Bytes: data}, nil
}

// record finds what the index knows of a manifest, by tag or digest.
func (s *Store) record(ctx context.Context, repo, reference string) (index.Manifest, error) {
	find := s.index.ByDigest
	if tagForm.MatchString(reference) {
		find = s.index.ByTag
	}
	m, found, err := find(ctx, repo, reference)
	if err == nil && !found {
		err = fmt.Errorf("manifest %s in %s: %w", reference, repo, ErrNotFound)
	}
	return m, err
}

// Blob opens a blob of a repository and returns its size. Reading to the end
// fails with ErrCorrupt when the content is not what the digest says.
func (s *Store) Blob(ctx context.Context, repo, digest string) (io.ReadCloser, int64, error) {
	d, err := blob.ParseDigest(digest)
	if err != nil {
		return nil, 0, err
	}
	if err := s.has(ctx, repo, d); err != nil {
		return nil, 0, err
	}
	return s.blobs.Open(d)
}

// has wants a blob to be in a repository.
func (s *Store) has(ctx context.Context, repo string, d blob.Digest) error {
	linked, err := s.index.Linked(ctx, repo, d.String())
	if err == nil && !linked {
		err = notIn(repo, d)
	}
	return err
}

func notIn(repo string, d blob.Digest) error {
	return fmt.Errorf("blob %s in %s: %w", d, repo, ErrNotFound)
}

// read reads a blob of at most limit bytes as a whole.
func (s *Store) read(digest string, limit int64) ([]byte, error) {
	d, err := blob.ParseDigest(digest)
	if err != nil {
		return nil, err
	}
	return s.blobs.Read(d, limit)
}
