package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Leaves calls fn with the hashed bytes of every entry from an index on, in
// order, up to those that are there when it comes to the end. Of an entry that
// was compacted fn gets what DecodeCompacted reads. An entry that does not have
// the hash it had when it was appended ends it with ErrDamaged. Appends go on
// meanwhile, also by fn.
func (l *Log) Leaves(ctx context.Context, from int64, fn func(leaf []byte) error) error {
	for from = max(from, 0); ; {
		records, err := l.db.records(ctx, from)
		if err != nil || len(records) == 0 {
			return err
		}
		to := from + int64(len(records))
		hashes, err := l.db.hashes(ctx, tlog.StoredHashIndex(0, from), tlog.StoredHashIndex(0, to))
		if err != nil {
			return err
		}
		for _, r := range records {
			hash := hashes[tlog.StoredHashIndex(0, from)]
			switch {
			case r.index == from && len(r.leaf) == 0 && l.isGap(from):
				r.leaf = encodeStub(from, hash)
			case r.index != from || tlog.RecordHash(r.leaf) != hash:
				return fmt.Errorf("read entry %d: %w", from, ErrDamaged)
			}
			if err := fn(r.leaf); err != nil {
				return err
			}
			from++
		}
	}
}

// Entries is Leaves, decoded, without the entries that were compacted.
func (l *Log) Entries(ctx context.Context, from int64, fn func(Entry) error) error {
	return l.Leaves(ctx, from, func(leaf []byte) error {
		if _, gap := decodeStub(leaf); gap {
			return nil
		}
		e, err := DecodeLeaf(leaf)
		if err != nil {
			return err
		}
		return fn(e)
	})
}

// Head is what a journal shows of itself to somebody who may hold an earlier
// checkpoint of it.
type Head struct {
	Note  string   // the latest checkpoint
	Key   string   // verifier key, in the form of sumdb/note
	Proof []string // base64 hashes: the earlier tree is a prefix of this one (RFC 6962, section 2.1.2)
}

// Head returns the latest checkpoint. For an old size between 1 and the journal's
// it holds the proof that this checkpoint continues the journal of that size; for
// any other there is nothing to prove.
func (l *Log) Head(ctx context.Context, old int64) (Head, error) {
	c := l.checkpoint()
	head := Head{Note: c.Note, Key: c.Key}
	if old < 1 || old > c.Size {
		return head, nil
	}
	proof, err := tlog.ProveTree(c.Size, old, l.db.reader(ctx))
	if err != nil {
		return Head{}, fmt.Errorf("prove that %d entries continue %d: %w", c.Size, old, err)
	}
	for _, hash := range proof {
		head.Proof = append(head.Proof, hash.String())
	}
	return head, nil
}

// Inclusion shows that an entry is in the journal that a checkpoint signs.
type Inclusion struct {
	Index int64       `json:"index"`
	Leaf  string      `json:"leaf"` // of a compacted entry what DecodeCompacted reads; whoever kept the leaf may put it here
	Note  string      `json:"note"`
	Proof []tlog.Hash `json:"proof"` // RFC 6962, section 2.1.1
}

// Inclusion returns the proof for one entry under the latest checkpoint.
func (l *Log) Inclusion(ctx context.Context, index int64) (Inclusion, error) {
	c := l.checkpoint()
	if index < 0 || index >= c.Size {
		return Inclusion{}, fmt.Errorf("prove entry %d: the journal has the entries 0 to %d", index, c.Size-1)
	}
	records, err := l.db.records(ctx, index)
	if err != nil {
		return Inclusion{}, err
	}
	if len(records) == 0 || records[0].index != index {
		return Inclusion{}, fmt.Errorf("prove entry %d: %w", index, ErrDamaged)
	}
	proof, err := tlog.ProveRecord(c.Size, index, l.db.reader(ctx))
	if err != nil {
		return Inclusion{}, fmt.Errorf("prove entry %d: %w", index, err)
	}
	leaf := records[0].leaf
	if len(leaf) == 0 && l.isGap(index) {
		hashes, err := l.db.reader(ctx).ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return Inclusion{}, fmt.Errorf("prove entry %d: %w", index, err)
		}
		leaf = encodeStub(index, hashes[0])
	}
	return Inclusion{Index: index, Leaf: string(leaf), Note: c.Note, Proof: proof}, nil
}

// Check returns the entry when the proof holds for it under the key. Of an entry
// that was compacted there is only its index.
func (i Inclusion) Check(key string) (Entry, error) {
	c, err := ParseCheckpoint(i.Note, key)
	if err != nil {
		return Entry{}, err
	}
	if i.Index < 0 || i.Index >= c.Size {
		return Entry{}, fmt.Errorf("check entry %d: the checkpoint has %d entries", i.Index, c.Size)
	}
	e, hash := Entry{}, tlog.RecordHash([]byte(i.Leaf))
	gap, compacted := decodeStub([]byte(i.Leaf))
	if compacted {
		e.Index, hash = gap.Index, gap.Hash
	}
	if err := tlog.CheckRecord(i.Proof, c.Size, c.Root, i.Index, hash); err != nil {
		return Entry{}, fmt.Errorf("check entry %d: %w", i.Index, err)
	}
	if !compacted {
		e, err = DecodeLeaf([]byte(i.Leaf))
	}
	if err == nil && e.Index != i.Index {
		err = errors.New("it says it is another one")
	}
	if err != nil {
		return Entry{}, fmt.Errorf("check entry %d: %w", i.Index, err)
	}
	return e, nil
}
