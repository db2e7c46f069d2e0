package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/registry/blob"
)

const (
	// collectEvery is how often what nothing needs is looked for.
	collectEvery = 15 * time.Minute
	// renewals is into how many parts the grace is cut: so often it is written
	// down that a blob was asked for.
	renewals = 4
	// expireBatch bounds how long the index is busy at a time.
	expireBatch = 1000
)

// Collected is what one collection removed.
type Collected struct {
	Links   int   // blobs that no manifest of their repository named
	Blobs   int   // files that no repository had any more
	Bytes   int64 // of these
	Uploads int   // that rested for too long
	Roots   int   // unpacked images whose manifest is gone
}

// Run collects from time to time, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	ticker := time.NewTicker(collectEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		done, err := s.Collect(ctx)
		if err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("registry was not collected whole", slog.Any("error", err))
		}
		if done != (Collected{}) {
			s.opts.Log.Info("registry was collected", "links", done.Links, "blobs", done.Blobs,
				"bytes", done.Bytes, "uploads", done.Uploads, "roots", done.Roots)
		}
	}
}

// Collect removes what nothing needs and what was not asked for within the grace:
// first from the index, which says that it is gone, then the files. Pushes and
// pulls go on meanwhile.
func (s *Store) Collect(ctx context.Context) (done Collected, err error) {
	before := s.opts.Now().Add(-s.opts.Grace)
	for {
		n, err := s.index.Expire(ctx, before, expireBatch)
		done.Links += n
		if err != nil {
			return done, err
		}
		if n < expireBatch {
			break
		}
	}
	if done.Uploads, err = s.blobs.Sweep(before); err != nil {
		return done, err
	}
	done.Blobs, done.Bytes, err = s.blobs.Collect(ctx, before, func(ctx context.Context, d blob.Digest) (bool, error) {
		return s.index.Needed(ctx, d.String())
	})
	if err != nil {
		return done, err
	}
	done.Roots, err = s.collectRoots(ctx, before)
	return done, err
}

// collectRoots removes the unpacked images whose manifests are gone. What a
// release holds has its manifest.
func (s *Store) collectRoots(ctx context.Context, before time.Time) (count int, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, rootsName))
	if err != nil {
		return 0, fmt.Errorf("collect roots: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue
		}
		d, err := blob.ParseDigest(strings.Replace(entry.Name(), "-", ":", 1))
		if err != nil {
			continue
		}
		removed, err := s.collectRoot(ctx, d)
		if err != nil {
			return count, err
		}
		if removed {
			count++
		}
	}
	return count, nil
}

// collectRoot gives a root another name first, so that there is none that is
// half removed.
func (s *Store) collectRoot(ctx context.Context, d blob.Digest) (bool, error) {
	lock := s.rootLock(d.String())
	lock.Lock()
	defer lock.Unlock()
	stored, err := s.index.Stored(ctx, d.String())
	if stored || err != nil {
		return false, err
	}
	path := filepath.Join(s.dir, rootsName, d.FileName())
	dying := filepath.Join(s.dir, rootsName, tempRoot+d.FileName())
	if err := os.Rename(path, dying); err != nil {
		return false, ignoreGone(err)
	}
	return true, os.RemoveAll(dying)
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
