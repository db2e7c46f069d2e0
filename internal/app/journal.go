package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/audit"
	"github.com/davit-dev/davit/internal/release"
)

// journal lets the engine write into the audit log, and clients read it.
type journal struct {
	log *audit.Log
}

// Append implements release.Journal.
func (j journal) Append(ctx context.Context, e release.Entry) (release.Entry, error) {
	entry, err := j.log.Append(ctx, audit.Entry{
		App: e.App, Release: e.Release, Kind: e.Kind, Actor: e.Actor, Data: e.Data,
	})
	if err != nil {
		return release.Entry{}, err
	}
	return releaseEntry(entry), nil
}

// Replay implements release.Journal. Entries of no app are the platform's own.
func (j journal) Replay(ctx context.Context, fn func(release.Entry) error) error {
	return j.log.Entries(ctx, 0, func(e audit.Entry) error {
		if e.App == "" {
			return nil
		}
		return fn(releaseEntry(e))
	})
}

func releaseEntry(e audit.Entry) release.Entry {
	return release.Entry{
		Index: e.Index, Time: e.Time, App: e.App, Release: e.Release,
		Kind: e.Kind, Actor: e.Actor, Data: e.Data,
	}
}

// note writes what concerns the platform as a whole.
func (j journal) note(ctx context.Context, kind, actor string, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	_, err = j.log.Append(ctx, audit.Entry{Kind: kind, Actor: actor, Data: encoded})
	return err
}

// Leaves implements api.Journal.
func (j journal) Leaves(ctx context.Context, from int64, fn func([]byte) error) error {
	return j.log.Leaves(ctx, from, fn)
}

// Checkpoint implements api.Journal.
func (j journal) Checkpoint(ctx context.Context, old int64) (api.Checkpoint, error) {
	head, err := j.log.Head(ctx, old)
	return api.Checkpoint{Note: head.Note, Key: head.Key, Proof: head.Proof}, err
}

// Recent implements web.Journal.
func (j journal) Recent(ctx context.Context, n int) ([]api.Entry, error) {
	var entries []api.Entry
	err := j.log.Entries(ctx, max(0, j.log.Size()-int64(n)), func(e audit.Entry) error {
		entries = append(entries, apiEntry(e))
		return nil
	})
	slices.Reverse(entries)
	return entries, err
}

func apiEntry(e audit.Entry) api.Entry {
	return api.Entry{
		Index: e.Index, Time: e.Time, App: e.App, Release: e.Release,
		Kind: e.Kind, Actor: e.Actor, Data: e.Data,
	}
}
