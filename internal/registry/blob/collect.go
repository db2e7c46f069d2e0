package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// All calls fn for each blob, a folder after the other, in the order of names.
func (s *Store) All(ctx context.Context, fn func(Digest) error) error {
	for _, algorithm := range algorithms() {
		folders, err := s.entries(algorithm)
		if err != nil {
			return err
		}
		for _, folder := range folders {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := s.allIn(algorithm, folder.Name(), fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) allIn(algorithm, folder string, fn func(Digest) error) error {
	files, err := s.entries(algorithm, folder)
	if err != nil {
		return err
	}
	for _, file := range files {
		d, err := ParseDigest(algorithm + ":" + file.Name())
		if err != nil {
			continue // nothing that this store wrote
		}
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}

// entries lists a folder below blobs that may not be there.
func (s *Store) entries(path ...string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(filepath.Join(append([]string{s.dir, blobsName}, path...)...))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	return entries, nil
}

// Needed says whether something names a blob.
type Needed func(ctx context.Context, d Digest) (bool, error)

// Collect removes the blobs that were there before a time and that nothing
// needs, while pushes go on, and returns how many it removed.
func (s *Store) Collect(ctx context.Context, before time.Time, needed Needed) (count int, size int64, err error) {
	err = s.All(ctx, func(d Digest) error {
		wanted, err := s.wanted(ctx, d, before, needed)
		if wanted || err != nil {
			return err
		}
		return s.leases.unlessHeld(d, func() error {
			wanted, err := s.wanted(ctx, d, before, needed) // a push may have been faster
			if wanted || err != nil {
				return err
			}
			if info, err := os.Stat(s.path(d)); err == nil {
				size += info.Size()
			}
			count++
			return os.Remove(s.path(d))
		})
	})
	return count, size, err
}

// wanted says whether a blob stays: it is new, or needed, or gone.
func (s *Store) wanted(ctx context.Context, d Digest, before time.Time, needed Needed) (bool, error) {
	info, err := os.Stat(s.path(d))
	if err != nil || !info.ModTime().Before(before) {
		return true, nil //nolint:nilerr // what is gone cannot be collected
	}
	return needed(ctx, d)
}

// Sweep removes the uploads that nobody has added to since a time.
func (s *Store) Sweep(before time.Time) (count int, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, uploadsName))
	if err != nil {
		return 0, fmt.Errorf("sweep uploads: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && info.ModTime().Before(before) && s.discard(entry.Name()) {
			count++
		}
	}
	return count, nil
}

// discard removes an upload unless a request has it in its hands.
func (s *Store) discard(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[name]; u != nil {
		if !u.TryLock() {
			return false
		}
		defer u.Unlock()
		delete(s.uploads, name)
	}
	return os.Remove(filepath.Join(s.dir, uploadsName, name)) == nil
}
