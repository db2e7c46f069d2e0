package audit

import (
	"crypto/sha256"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is the right edge of an RFC 6962 Merkle tree: the roots of its perfect
// subtrees, the largest first. It is all that is needed to grow the tree.
type tree struct {
	size int64
	edge []tlog.Hash
}

// push adds a leaf and returns the hashes that became final, in the order in
// which they are stored: the leaf's, and those of the subtrees it completed
// (tlog.StoredHashes).
func (t *tree) push(leaf tlog.Hash) []tlog.Hash {
	stored := []tlog.Hash{leaf}
	for range bits.TrailingZeros64(uint64(t.size) + 1) {
		last := len(t.edge) - 1
		leaf = tlog.NodeHash(t.edge[last], leaf)
		t.edge = t.edge[:last]
		stored = append(stored, leaf)
	}
	t.edge = append(t.edge, leaf)
	t.size++
	return stored
}

// root returns the hash of the whole tree (RFC 6962, section 2.1).
func (t *tree) root() tlog.Hash {
	if len(t.edge) == 0 {
		return sha256.Sum256(nil)
	}
	root := t.edge[len(t.edge)-1]
	for i := len(t.edge) - 2; i >= 0; i-- {
		root = tlog.NodeHash(t.edge[i], root)
	}
	return root
}

func (t *tree) clone() tree {
	return tree{size: t.size, edge: slices.Clone(t.edge)}
}

// edgeIndexes returns where the edge of a tree is among the stored hashes.
func edgeIndexes(size int64) []int64 {
	var indexes []int64
	at := int64(0)
	for level := bits.Len64(uint64(size)) - 1; level >= 0; level-- {
		if size&(1<<level) != 0 {
			indexes = append(indexes, tlog.StoredHashIndex(level, at>>level))
			at += 1 << level
		}
	}
	return indexes
}
