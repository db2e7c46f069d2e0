package audit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// KindCompacted is the kind of the entries that say which others were compacted.
const KindCompacted = "compacted"

// Compaction says which entries shall be compacted, and of what they are.
type Compaction struct {
	App     string
	Release string
	Actor   string
	Entries []int64 // indexes, in any order; those that were compacted before are left out
}

// compacted is the data of an entry of KindCompacted.
type compacted struct {
	App     string `json:"app"`
	Release string `json:"release"`
	Ranges  []span `json:"ranges"` // of indexes before that of the entry itself
	Bytes   int64  `json:"bytes"`  // of the leaves that are gone
}

// span is a first and a last index.
type span [2]int64

// maxSpans bounds one compaction, so that its entry fits.
const maxSpans = 100_000

// Compact forgets the content of entries and keeps their hashes: the tree, its
// root and all proofs stay what they were, and who has kept an entry can still
// prove it. An entry says so first; without it, nobody takes a missing leaf for
// a compacted one. Compact returns how many leaves were forgotten.
//
// A journal that was compacted needs a davit that knows of it.
func (l *Log) Compact(ctx context.Context, c Compaction) (int64, error) {
	data, err := l.plan(ctx, c)
	if err != nil || len(data.Ranges) == 0 {
		return 0, err
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return 0, fmt.Errorf("compact: %w", err)
	}
	e, err := l.Append(ctx, Entry{Kind: KindCompacted, Actor: c.Actor, Data: encoded})
	if err != nil {
		return 0, fmt.Errorf("compact: %w", err)
	}
	l.mu.Lock()
	l.gaps = merged(append(l.gaps, data.Ranges...)) // before a reader can meet the first of them
	l.mu.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.db.forget(context.WithoutCancel(ctx), e.Index, data.Ranges)
}

// plan collects what a compaction can forget.
func (l *Log) plan(ctx context.Context, c Compaction) (compacted, error) {
	data := compacted{App: c.App, Release: c.Release}
	var near []record // rows around the last one that was looked at
	for _, index := range slices.Compact(slices.Sorted(slices.Values(c.Entries))) {
		var err error
		if near, err = l.from(ctx, near, index); err != nil {
			return data, err
		}
		leaf := near[0].leaf
		if len(leaf) == 0 {
			continue
		}
		e, err := DecodeLeaf(leaf)
		if err != nil {
			return data, fmt.Errorf("compact entry %d: %w", index, err)
		}
		if e.Kind == KindCompacted {
			return data, fmt.Errorf("compact entry %d: it says what was compacted, and stays", index)
		}
		data.Bytes += int64(len(leaf))
		if n := len(data.Ranges); n > 0 && data.Ranges[n-1][1] == index-1 {
			data.Ranges[n-1][1] = index
		} else {
			data.Ranges = append(data.Ranges, span{index, index})
		}
	}
	if len(data.Ranges) > maxSpans {
		return data, fmt.Errorf("compact: %d ranges at once are too many, at most %d", len(data.Ranges), maxSpans)
	}
	return data, nil
}

// from returns rows that begin with an entry, of those that were read already
// where they have it.
func (l *Log) from(ctx context.Context, read []record, index int64) ([]record, error) {
	for len(read) > 0 && read[0].index < index {
		read = read[1:]
	}
	if len(read) == 0 {
		var err error
		if read, err = l.db.records(ctx, index); err != nil {
			return nil, err
		}
	}
	if len(read) == 0 || read[0].index != index {
		return nil, fmt.Errorf("compact: there is no entry %d", index)
	}
	return read, nil
}

// named returns what an entry says was compacted; nothing for other entries.
func named(e Entry) ([]span, error) {
	if e.Kind != KindCompacted {
		return nil, nil
	}
	var data compacted
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return nil, fmt.Errorf("read what entry %d compacted: %w", e.Index, err)
	}
	for _, s := range data.Ranges {
		if s[0] < 0 || s[0] > s[1] || s[1] >= e.Index {
			return nil, fmt.Errorf("entry %d compacted the entries %d to %d, which cannot be", e.Index, s[0], s[1])
		}
	}
	return data.Ranges, nil
}

// merged sorts spans and joins those that overlap or touch.
func merged(spans []span) []span {
	spans = slices.SortedFunc(slices.Values(spans), func(a, b span) int { return cmp.Compare(a[0], b[0]) })
	var joined []span
	for _, s := range spans {
		if n := len(joined); n > 0 && s[0] <= joined[n-1][1]+1 {
			joined[n-1][1] = max(joined[n-1][1], s[1])
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// within says whether an index is in one of the spans, which are merged.
func within(spans []span, index int64) bool {
	at, found := slices.BinarySearchFunc(spans, index, func(s span, index int64) int { return cmp.Compare(s[0], index) })
	return found || (at > 0 && index <= spans[at-1][1])
}

// loadGaps reads what was compacted from the entries that say so.
func (l *Log) loadGaps(ctx context.Context) error {
	indexes, err := l.db.compactions(ctx)
	if err != nil {
		return err
	}
	for _, index := range indexes {
		records, err := l.db.records(ctx, index)
		if err != nil {
			return err
		}
		hashes, err := l.db.reader(ctx).ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return err
		}
		if len(records) == 0 || records[0].index != index || tlog.RecordHash(records[0].leaf) != hashes[0] {
			return fmt.Errorf("read entry %d: %w", index, ErrDamaged)
		}
		e, err := DecodeLeaf(records[0].leaf)
		if err != nil {
			return errors.Join(ErrDamaged, err)
		}
		spans, err := named(e)
		if err != nil {
			return errors.Join(ErrDamaged, err)
		}
		l.gaps = append(l.gaps, spans...)
	}
	l.gaps = merged(l.gaps)
	return nil
}

// isGap says whether an entry was compacted.
func (l *Log) isGap(index int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return within(l.gaps, index)
}

// stub stands for the leaf of a compacted entry where leaves are sent: its hash.
type stub struct {
	Version int       `json:"v"`
	Index   int64     `json:"index"`
	Hash    tlog.Hash `json:"compacted"`
}

func encodeStub(index int64, hash tlog.Hash) []byte {
	data, err := json.Marshal(stub{leafVersion, index, hash})
	if err != nil {
		panic(err) // numbers and a hash can always be encoded
	}
	return data
}

// decodeStub takes nothing but the form that encodeStub writes.
func decodeStub(data []byte) (stub, bool) {
	var s stub
	if err := json.Unmarshal(data, &s); err != nil {
		return s, false
	}
	return s, bytes.Equal(encodeStub(s.Index, s.Hash), data)
}

// DecodeCompacted reads what Leaves yields for an entry that was compacted; ok is
// false for a leaf.
func DecodeCompacted(leaf []byte) (index int64, hash tlog.Hash, ok bool) {
	s, ok := decodeStub(leaf)
	return s.Index, s.Hash, ok
}
