package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/davit-dev/davit/internal/audit"
	"github.com/davit-dev/davit/internal/release"
)

// retainEvery is how often evidence is looked for that is old enough to go.
const retainEvery = 6 * time.Hour

// retain compacts the evidence of releases that ended longer ago than the
// configured time, now and from time to time, until ctx ends.
func (p *Platform) retain(ctx context.Context) {
	for p.cfg.Retain > 0 && ctx.Err() == nil {
		old := endedBefore(p.engine.Apps(), time.Now().Add(-p.cfg.Retain))
		forgotten, err := compact(ctx, p.journal.log, old)
		switch {
		case err != nil && ctx.Err() == nil:
			p.cfg.Log.Error("evidence was not compacted", "error", err)
		case forgotten > 0:
			p.cfg.Log.Info("evidence was compacted", "entries", forgotten)
		}
		wait(ctx, retainEvery)
	}
}

// endedBefore returns the app of each release that had ended at a time.
func endedBefore(apps []release.View, at time.Time) map[string]string {
	old := map[string]string{}
	for _, app := range apps {
		for _, r := range app.Releases {
			if r.Finished != nil && r.Finished.Before(at) {
				old[r.ID] = app.App
			}
		}
	}
	return old
}

// compact forgets the cohorts of releases, of each all or none, and returns how
// many entries that were. What they came to stays in the entries around them.
func compact(ctx context.Context, log *audit.Log, old map[string]string) (forgotten int64, err error) {
	cohorts := map[string][]int64{}
	err = log.Entries(ctx, 0, func(e audit.Entry) error {
		if app, ended := old[e.Release]; ended && e.App == app && e.Kind == string(release.Counted) {
			cohorts[e.Release] = append(cohorts[e.Release], e.Index)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, id := range slices.Sorted(maps.Keys(cohorts)) {
		n, err := log.Compact(ctx, audit.Compaction{App: old[id], Release: id, Actor: "davit", Entries: cohorts[id]})
		if err != nil {
			return forgotten, err
		}
		forgotten += n
	}
	return forgotten, nil
}
