package registry

import (
	"context"
	"errors"

	"github.com/davit-dev/davit/internal/registry/blob"
)

// Scrubbed is what a scrub found.
type Scrubbed struct {
	Blobs   int   // that were read
	Bytes   int64 // of these
	Damaged []Damage
}

// Damage is a blob that cannot be read any more.
type Damage struct {
	Digest     string
	Repository string   // one that has it; "" for none
	Manifests  []string // of that repository, which need it
	Missing    bool     // the file is gone; otherwise it was set aside
}

// Scrub reads everything that is stored. What is not what its digest says is set
// aside, where nothing serves it, and a push of the same content heals it. What
// a repository has and is not there is found as well.
func (s *Store) Scrub(ctx context.Context) (Scrubbed, error) {
	var found Scrubbed
	damaged := map[string]bool{}
	err := s.blobs.All(ctx, func(d blob.Digest) error {
		size, err := s.blobs.Check(ctx, d)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil // collected meanwhile, or missing, which the index shows
		case errors.Is(err, ErrCorrupt):
			damaged[d.String()] = true
		case err != nil:
			return err
		}
		found.Blobs++
		found.Bytes += size
		return nil
	})
	if err != nil {
		return found, err
	}
	err = s.index.Content(ctx, func(digest, repo string) error {
		d, err := blob.ParseDigest(digest)
		if err != nil {
			return err
		}
		if s.blobs.Has(d) {
			return nil
		}
		users, err := s.index.Users(ctx, repo, digest)
		found.Damaged = append(found.Damaged, Damage{
			Digest: digest, Repository: repo, Manifests: users, Missing: !damaged[digest],
		})
		delete(damaged, digest)
		return err
	})
	for digest := range damaged { // what no repository has
		found.Damaged = append(found.Damaged, Damage{Digest: digest})
	}
	return found, err
}
