package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Append writes an entry and returns it as it stands in the journal: with its
// index and time, and without what Redact took out. It is durable when Append
// returns. Once writing has begun it goes on although ctx ends.
//
// Entries that come while others are being written go to the disk together: the
// first to get the lock writes for all that wait.
func (l *Log) Append(ctx context.Context, e Entry) (Entry, error) {
	if err := ctx.Err(); err != nil {
		return Entry{}, fmt.Errorf("append %s: %w", e.Kind, context.Cause(ctx))
	}
	if err := e.validate(); err != nil {
		return Entry{}, fmt.Errorf("append %s: %w", e.Kind, err)
	}
	e.Data = Redact(e.Data)
	e.Index = 0
	if _, err := e.encode(); err != nil { // so that one bad entry fails alone
		return Entry{}, fmt.Errorf("append %s: %w", e.Kind, err)
	}
	p := &pending{entry: e}
	l.mu.Lock()
	l.queue = append(l.queue, p)
	l.mu.Unlock()

	l.writing.Lock()
	defer l.writing.Unlock()
	if !p.done {
		l.writeQueue(context.WithoutCancel(ctx))
	}
	if p.err != nil {
		return Entry{}, fmt.Errorf("append %s: %w", e.Kind, p.err)
	}
	return p.entry, nil
}

// writeQueue writes what is queued in one transaction. The caller holds
// l.writing.
func (l *Log) writeQueue(ctx context.Context) {
	l.mu.Lock()
	batch, grown, err := l.queue, l.tree.clone(), l.torn
	l.queue = nil
	l.mu.Unlock()

	var head Checkpoint
	if err == nil {
		head, err = l.writeBatch(ctx, batch, &grown)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.tree, l.head = grown, head
	}
	for _, p := range batch {
		p.done, p.err = true, err
	}
}

// writeBatch gives the entries their places, grows the tree by them and stores
// both under a new checkpoint.
func (l *Log) writeBatch(ctx context.Context, batch []*pending, grown *tree) (Checkpoint, error) {
	var leaves []record
	var hashes []tlog.Hash
	for _, p := range batch {
		p.entry.Index = grown.size
		if p.entry.Time.IsZero() {
			p.entry.Time = l.clock()
		}
		p.entry.Time = p.entry.Time.UTC().Round(0) // what a decoded entry has
		data, err := p.entry.encode()
		if err != nil {
			return Checkpoint{}, err
		}
		leaves = append(leaves, record{p.entry.Index, data})
		hashes = append(hashes, grown.push(tlog.RecordHash(data))...)
	}
	head, err := sign(l.key.signer, l.key.public, grown)
	if err != nil {
		return Checkpoint{}, err
	}
	if err := l.db.write(ctx, leaves, hashes, head); err != nil {
		return head, l.settle(ctx, head, err)
	}
	return head, nil
}

// settle finds out by looking what came of a write that failed: a full disk
// leaves nothing behind, a failed sync may. When that cannot be seen nothing is
// written any more until the journal is opened again.
func (l *Log) settle(ctx context.Context, head Checkpoint, failed error) error {
	stored, err := l.db.note(ctx)
	switch {
	case err == nil && stored == head.Note:
		return nil
	case err == nil && stored == l.checkpoint().Note:
		return failed
	}
	failed = fmt.Errorf("%w; nothing is written until the journal is opened again", errors.Join(failed, err))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.torn = failed
	return failed
}
