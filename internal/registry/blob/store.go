// Package blob keeps content in files that are named by its digest. What has a
// name is whole, was verified while it came in, and is durable; what is on its
// way is a file of another kind and is never read. The package knows nothing of
// repositories: who needs a blob is asked.
package blob

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

var (
	// ErrNotFound says that there is no such blob or upload.
	ErrNotFound = errors.New("not found")
	// ErrCorrupt says that a file does not have the digest that it is stored under.
	ErrCorrupt = errors.New("content does not match its digest")
	// ErrMismatch says that an upload does not have the digest that was said.
	ErrMismatch = errors.New("what was uploaded has another digest")
	// ErrTooLarge says that an upload is larger than the store takes.
	ErrTooLarge = errors.New("the blob is too large")
)

// Store is a folder of blobs, safe for concurrent use by one process.
type Store struct {
	dir    string
	max    int64 // bytes of a blob
	disk   disk
	leases leases

	settled sync.Map // folders whose own names, and all above, are durable

	mu      sync.Mutex
	uploads map[string]*Upload // by the name of the file
}

// disk is what makes files and names durable.
type disk struct {
	syncFile   func(*os.File) error
	syncFolder func(path string) error
}

// The folders of a store.
const (
	blobsName   = "blobs"
	uploadsName = "uploads"
)

// NewStore opens the store in a folder that is there, or makes one in it. It takes
// blobs of up to maxSize bytes.
func NewStore(dir string, maxSize int64) (*Store, error) {
	s := &Store{
		dir: dir, max: maxSize, disk: disk{(*os.File).Sync, atomicfile.SyncDir},
		leases: leases{held: map[Digest]int{}}, uploads: map[string]*Upload{},
	}
	for _, name := range []string{blobsName, uploadsName} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make store: %w", err)
		}
	}
	return s, nil
}

// path is where a blob's file is.
func (s *Store) path(d Digest) string {
	return filepath.Join(s.dir, blobsName, d.algorithm, d.hex[:2], d.hex)
}

// adopt makes a complete, verified file the blob with its digest and calls then,
// which names it somewhere. Until that is done it is not collected. When adopt
// returns, a power cut does not lose the blob.
func (s *Store) adopt(f *os.File, d Digest, then func() error) error {
	if err := s.disk.syncFile(f); err != nil {
		return fmt.Errorf("sync blob: %w", err)
	}
	defer s.leases.hold(d)()
	path := s.path(d)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder for blob: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("store blob: %w", err)
	}
	if err := s.settle(filepath.Dir(path)); err != nil {
		return err
	}
	return then()
}

// settle makes the names in a folder durable, and the folder's own on the way
// down to it, unless this process did that before.
func (s *Store) settle(dir string) error {
	if err := s.disk.syncFolder(dir); err != nil {
		return err
	}
	if _, done := s.settled.Load(dir); done || dir == s.dir {
		return nil
	}
	if err := s.settle(filepath.Dir(dir)); err != nil {
		return err
	}
	s.settled.Store(dir, true)
	return nil
}

// Put stores a small blob; then names it, as in Finish.
func (s *Store) Put(data []byte, d Digest, then func() error) error {
	u, err := s.Begin("", d)
	if err != nil {
		return err
	}
	defer u.Unlock()
	defer s.Drop(u)
	if err := u.Append(bytes.NewReader(data)); err != nil {
		return err
	}
	return s.Finish(u, d, then)
}
