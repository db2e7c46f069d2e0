package audit

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Report is what came of checking a journal.
type Report struct {
	OK           bool        `json:"ok"`
	Size         int64       `json:"size"`                   // entries that were found, up to the first bad one
	Root         tlog.Hash   `json:"root"`                   // tree hash of these, base64
	Compacted    int64       `json:"compacted,omitempty"`    // entries of which only the hash is there, as others say
	BadIndex     int64       `json:"bad_index"`              // first entry that is not as it was; -1 when none can be named
	Contradicted *Checkpoint `json:"contradicted,omitempty"` // the checkpoint that cannot be true of these entries
	Reason       string      `json:"reason,omitempty"`       // what is wrong, for people
}

// examination builds the tree of a journal again, leaf by leaf, and holds it
// against the checkpoints that somebody kept.
type examination struct {
	tree         tree
	known        []Checkpoint // by size
	next         int          // the first of them that was not compared yet
	contradicted *Checkpoint  // the first of them that is not true
	signed       Checkpoint   // the journal's own
	signedRoot   tlog.Hash    // of the tree when it had the signed size
	gaps         []int64      // entries without a leaf
	named        []span       // entries that others say were compacted
}

func newExamination(signed Checkpoint, known []Checkpoint) *examination {
	x := &examination{signed: signed, known: slices.Clone(known)}
	slices.SortStableFunc(x.known, func(a, b Checkpoint) int { return int(a.Size - b.Size) })
	x.compare()
	return x
}

// push takes the next leaf and returns the hashes that are stored for it. It
// names what is wrong with the leaf by itself.
func (x *examination) push(data []byte) ([]tlog.Hash, error) {
	if gap, ok := decodeStub(data); ok {
		return x.skip(gap)
	}
	e, err := DecodeLeaf(data)
	index := x.tree.size
	stored := x.tree.push(tlog.RecordHash(data))
	x.compare()
	if err != nil {
		return stored, err
	}
	if e.Index != index {
		return stored, fmt.Errorf("the entry in place %d says it is entry %d", index, e.Index)
	}
	spans, err := named(e)
	x.named = append(x.named, spans...)
	return stored, err
}

// skip takes the hash of an entry that was compacted for its leaf.
func (x *examination) skip(gap stub) ([]tlog.Hash, error) {
	index := x.tree.size
	x.gaps = append(x.gaps, index)
	stored := x.tree.push(gap.Hash)
	x.compare()
	if gap.Index != index {
		return stored, fmt.Errorf("the entry in place %d says it is entry %d", index, gap.Index)
	}
	return stored, nil
}

// unexplained returns the first entry without a leaf of which no entry says that
// it was compacted.
func (x *examination) unexplained() (index int64, found bool) {
	spans := merged(x.named)
	for _, index := range x.gaps {
		if !within(spans, index) {
			return index, true
		}
	}
	return 0, false
}

// compare looks at what is known of the tree at its present size.
func (x *examination) compare() {
	if x.tree.size == x.signed.Size {
		x.signedRoot = x.tree.root()
	}
	for ; x.next < len(x.known) && x.known[x.next].Size == x.tree.size; x.next++ {
		if x.contradicted == nil && x.known[x.next].Root != x.tree.root() {
			x.contradicted = &x.known[x.next]
		}
	}
}

// bad reports that an entry is not as it was.
func (x *examination) bad(index int64, reason string) Report {
	return Report{
		Size: x.tree.size, Root: x.tree.root(), BadIndex: index,
		Contradicted: x.contradicted, Reason: reason,
	}
}

// finish reports what the whole tree says. Entries that are all well by
// themselves may still not be those that were signed, or that were there before.
func (x *examination) finish() Report {
	r := Report{Size: x.tree.size, Root: x.tree.root(), BadIndex: -1, Compacted: int64(len(x.gaps))}
	gap, unexplained := x.unexplained()
	switch {
	case x.signed.Size > r.Size:
		r.Contradicted = &x.signed
		r.Reason = fmt.Sprintf("there are %d entries, the journal's own checkpoint is of %d: the end was cut off", r.Size, x.signed.Size)
	case x.signedRoot != x.signed.Root:
		r.Contradicted = &x.signed
		r.Reason = "the entries are not those that the journal's own checkpoint signs"
	case x.signed.Size < r.Size:
		r.BadIndex = x.signed.Size
		r.Reason = fmt.Sprintf("entries from %d on are not signed", x.signed.Size)
	case unexplained:
		r.BadIndex = gap
		r.Reason = fmt.Sprintf("entry %d is gone, and no entry says that it was compacted", gap)
	default:
		r.OK = true
	}
	x.finishKnown(&r)
	return r
}

// finishKnown lets a kept checkpoint outweigh the journal's own, which whoever
// holds the key can make anew.
func (x *examination) finishKnown(r *Report) {
	var reason string
	for i, c := range x.known {
		if c.Key != x.signed.Key {
			x.contradicted = &x.known[i]
			reason = "the journal is signed with another key than the checkpoint that was kept"
			break
		}
		if c.Size > r.Size && x.contradicted == nil {
			x.contradicted = &x.known[i]
			reason = fmt.Sprintf("there are %d entries, a checkpoint that was kept is of %d: "+
				"the end was cut off, or an older copy was put in place", r.Size, c.Size)
		}
	}
	if x.contradicted == nil {
		return
	}
	if reason == "" {
		reason = fmt.Sprintf("the first %d entries are not those of a checkpoint that was kept", x.contradicted.Size)
		if r.OK {
			reason += ": they were changed and signed again"
		}
	}
	r.OK, r.Contradicted, r.Reason = false, x.contradicted, reason
}
