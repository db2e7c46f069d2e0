package registry

import (
	"context"
	"errors"
	"io"

	"github.com/davit-dev/davit/internal/registry/blob"
	"github.com/davit-dev/davit/internal/registry/index"
)

// Content is a blob or manifest that some repository has.
type Content struct {
	Digest string
	Size   int64 // in bytes
}

// Snapshot writes the index as it is now into a new file, and lists what it
// names: read once, and found to be right. What is damaged or gone is set aside,
// as Scrub does, and listed as missing. Pushes and pulls go on; what is listed
// stays for the grace, whatever is deleted.
func (s *Store) Snapshot(ctx context.Context, path string) (whole []Content, missing []string, err error) {
	if err := s.index.Snapshot(ctx, path); err != nil {
		return nil, nil, err
	}
	err = named(ctx, path, func(digest string) error {
		d, err := blob.ParseDigest(digest)
		if err != nil {
			return err
		}
		size, err := s.blobs.Check(ctx, d)
		switch {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrCorrupt):
			missing = append(missing, digest)
			return nil
		case err == nil:
			whole = append(whole, Content{digest, size})
		}
		return err
	})
	return whole, missing, err
}

// Named lists the digests that the index in a file names. Nobody else may have
// the file open.
func Named(ctx context.Context, path string) ([]string, error) {
	var all []string
	err := named(ctx, path, func(digest string) error {
		all = append(all, digest)
		return nil
	})
	return all, err
}

func named(ctx context.Context, path string, fn func(digest string) error) error {
	x, err := index.Open(ctx, path)
	if err != nil {
		return err
	}
	err = x.Content(ctx, func(digest, _ string) error { return fn(digest) })
	return errors.Join(err, x.Close())
}

// Content opens what is stored under a digest, whoever has it, and returns its
// size. Reading to the end fails with ErrCorrupt when it is not what the digest
// says.
func (s *Store) Content(digest string) (io.ReadCloser, int64, error) {
	d, err := blob.ParseDigest(digest)
	if err != nil {
		return nil, 0, err
	}
	return s.blobs.Open(d)
}
