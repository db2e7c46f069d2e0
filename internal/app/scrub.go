package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/registry"
)

// Scrub implements api.Scrubber. What it set aside is written down.
func (d *desk) Scrub(ctx context.Context, actor string) (api.Scrub, error) {
	found, err := scrub(ctx, d.platform.images)
	if err == nil && len(found.Damaged) > 0 {
		err = d.platform.journal.note(ctx, "damaged", actor, found.Damaged)
	}
	return found, err
}

func scrub(ctx context.Context, images *registry.Store) (api.Scrub, error) {
	found, err := images.Scrub(ctx)
	if err != nil {
		return api.Scrub{}, fmt.Errorf("scrub registry: %w", err)
	}
	answer := api.Scrub{Blobs: found.Blobs, Bytes: found.Bytes, Damaged: []api.Damage{}}
	for _, d := range found.Damaged {
		answer.Damaged = append(answer.Damaged, api.Damage{
			Digest: d.Digest, Repository: d.Repository, Manifests: d.Manifests, Missing: d.Missing,
		})
	}
	return answer, nil
}

// ScrubRegistry reads everything in the registry of the running server, or else
// of a data folder, and says what is damaged.
func ScrubRegistry(ctx context.Context, data string) (api.Scrub, error) {
	paths, err := NewPaths(data)
	if err != nil {
		return api.Scrub{}, err
	}
	found, err := api.NewClient(paths.API()).Scrub(ctx)
	if !errors.Is(err, api.ErrNotRunning) {
		return found, err
	}
	if _, err := os.Stat(paths.Registry()); err != nil {
		return api.Scrub{}, fmt.Errorf("find registry: %w", err)
	}
	held, err := lock(paths.Lock())
	if err != nil {
		return api.Scrub{}, err
	}
	defer held.Close()
	images, err := registry.Open(paths.Registry(), registry.Options{})
	if err != nil {
		return api.Scrub{}, fmt.Errorf("open registry: %w", err)
	}
	found, err = scrub(ctx, images)
	return found, errors.Join(err, images.Close())
}
