package app

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/audit"
	"github.com/davit-dev/davit/internal/release"
)

// TestRetainForgetsTheCohortsOfOldReleases and of no others, nor anything else.
func TestRetainForgetsTheCohortsOfOldReleases(t *testing.T) {
	log, err := audit.Open(t.Context(), t.TempDir(), audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	now := time.Now()
	var releases []release.Summary
	for n := range 40 {
		id := fmt.Sprintf("orders-%d", n)
		for _, kind := range []string{"submitted", "counted", "counted", "ended"} {
			if _, err := log.Append(t.Context(), audit.Entry{App: "orders", Release: id, Kind: kind, Data: json.RawMessage("{}")}); err != nil {
				t.Fatal(err)
			}
		}
		s := release.Summary{ID: id}
		if finished := now.Add(-time.Duration(n) * 24 * time.Hour); n != 39 {
			s.Finished = &finished
		}
		releases = append(releases, s)
	}
	before, err := log.Head(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	old := endedBefore([]release.View{{App: "orders", Releases: releases}}, now.Add(-30*24*time.Hour))
	if len(old) != 8 { // 31 to 38
		t.Fatalf("old are %v", old)
	}
	for range 2 {
		if _, err := compact(t.Context(), log, old); err != nil {
			t.Fatal(err)
		}
	}
	counted, all := 0, 0
	err = log.Entries(t.Context(), 0, func(e audit.Entry) error {
		all++
		if e.Kind == "counted" {
			counted++
			if old[e.Release] != "" {
				return fmt.Errorf("%s has its cohorts", e.Release)
			}
		}
		return nil
	})
	if err != nil || counted != 64 || all != 160-16+8 { // an entry for each compaction
		t.Errorf("%d cohorts of %d entries: %v", counted, all, err)
	}
	seen, err := audit.ParseCheckpoint(before.Note, before.Key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := log.Head(t.Context(), seen.Size); err != nil || len(again.Proof) == 0 {
		t.Errorf("the journal does not prove that it goes on: %v", err)
	}
}
