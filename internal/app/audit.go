// Package app ties the stages together: it is the only place that knows all
// concrete types. Ship is the story of the loop on the client's side, Serve the
// story of how a platform starts. It prints nothing; package cli does.
package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/audit"
)

// maxLine bounds an entry of a journal that comes over the API.
const maxLine = 16 << 20

// JournalEntries reads the journal of the running server, oldest entry first.
func JournalEntries(ctx context.Context, at Address) ([]api.Entry, error) {
	client, err := Dial(at)
	if err != nil {
		return nil, err
	}
	body, err := client.Journal(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	entries := []api.Entry{}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if index, _, gap := audit.DecodeCompacted(lines.Bytes()); gap {
			entries = append(entries, api.Entry{Index: index, Kind: "(compacted)"})
			continue
		}
		e, err := audit.DecodeLeaf(lines.Bytes())
		if err != nil {
			return nil, err
		}
		entries = append(entries, apiEntry(e))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return entries, nil
}

// JournalReport is what came of checking a journal, and against how many kept
// checkpoints it was held.
type JournalReport struct {
	audit.Report
	Known int `json:"known"`
}

// VerifyJournal checks a journal: the file or data folder that target names, or
// else that of the running server, or else the one in the data folder. It is
// held against the checkpoints that this user has kept of the data folder.
func VerifyJournal(ctx context.Context, at Address, target string) (JournalReport, error) {
	origin, err := at.origin()
	if err != nil {
		return JournalReport{}, err
	}
	keeper, err := openKeeper()
	if err != nil {
		return JournalReport{}, err
	}
	known, err := keeper.Known(origin)
	if err != nil {
		return JournalReport{}, err
	}
	report, err := verifyJournal(ctx, at, target, known)
	return JournalReport{Report: report, Known: len(known)}, err
}

func verifyJournal(ctx context.Context, at Address, target string, known []audit.Checkpoint) (audit.Report, error) {
	if target != "" {
		return audit.VerifyFile(ctx, target, known)
	}
	report, err := verifyServed(ctx, at, known)
	if err == nil && !report.OK { // entries may have been compacted after the checkpoint was asked for
		report, err = verifyServed(ctx, at, known)
	}
	return report, err
}

func verifyServed(ctx context.Context, at Address, known []audit.Checkpoint) (audit.Report, error) {
	client, err := Dial(at)
	if err != nil {
		return audit.Report{}, err
	}
	head, err := client.Checkpoint(ctx, 0)
	if errors.Is(err, api.ErrNotRunning) {
		return audit.VerifyFile(ctx, at.Data, known)
	}
	if err != nil {
		return audit.Report{}, err
	}
	body, err := client.Journal(ctx, 0)
	if err != nil {
		return audit.Report{}, err
	}
	defer body.Close()
	return audit.VerifyStream(ctx, body, head.Note, head.Key, known)
}
