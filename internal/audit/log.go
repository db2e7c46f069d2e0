// Package audit is the memory of what davit did. It turns entries into an
// append-only journal: a SQLite file whose rows are the leaves of an RFC 6962
// Merkle tree, with a signed checkpoint over all of them. Its invariant: what
// Append returned is on the disk and under the signature, and no entry can be
// changed, left out, put elsewhere or cut off without contradicting the hashes,
// the signature, or a checkpoint that somebody kept.
//
// It is a leaf of the program: it knows nothing of releases and imports none of
// the stages.
package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrDamaged says that a journal is not as davit wrote it.
var ErrDamaged = errors.New("the journal is damaged; 'davit audit verify' says where")

// Options of a Log. The zero value is what production uses.
type Options struct {
	Clock func() time.Time // time.Now when nil
	VFS   string           // registered SQLite VFS that reaches the disk; the operating system's when ""
}

// Log is an open journal. Its methods may be called concurrently.
type Log struct {
	db    *database
	key   signingKey
	clock func() time.Time

	writing sync.Mutex // held while a batch is written

	mu    sync.Mutex // guards what follows
	queue []*pending
	tree  tree
	head  Checkpoint
	gaps  []span // what was compacted
	torn  error  // a write of unknown outcome; nothing is appended after it
}

// pending is an entry on its way into the journal. Its fields belong to whoever
// holds Log.writing.
type pending struct {
	entry Entry
	done  bool
	err   error
}

// Open opens the journal in a folder, or begins one there together with its
// key. The folder belongs to one process at a time.
func Open(ctx context.Context, dir string, opts Options) (*Log, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the journal's folder: %w", err)
	}
	key, err := openKey(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, databaseName)
	if lost, err := walLost(path); err != nil || lost {
		return nil, errors.Join(err, lostError(lost))
	}
	db, err := openDatabase(ctx, path, opts.VFS)
	if err != nil {
		return nil, err
	}
	l := &Log{db: db, key: key, clock: opts.Clock}
	if err := l.restore(ctx); err != nil {
		return nil, errors.Join(err, db.db.Close())
	}
	return l, nil
}

// restore reads the tree's edge and holds it against the signed checkpoint. It
// costs the same for a long journal as for a short one.
func (l *Log) restore(ctx context.Context) error {
	entries, hashes, err := l.db.count(ctx)
	if err != nil {
		return err
	}
	signed, err := l.db.note(ctx)
	if err != nil {
		return err
	}
	if signed == "" && entries == 0 && hashes == 0 {
		l.head, err = sign(l.key.signer, l.key.public, &tree{})
		if err != nil {
			return err
		}
		return l.db.write(ctx, nil, nil, l.head)
	}
	if l.head, err = ParseCheckpoint(signed, l.key.public); err != nil {
		return errors.Join(ErrDamaged, err)
	}
	if l.head.Size != entries || tlog.StoredHashCount(entries) != hashes {
		return fmt.Errorf("%w: it has %d entries and %d hashes, the checkpoint says %d entries",
			ErrDamaged, entries, hashes, l.head.Size)
	}
	l.tree.size = entries
	if l.tree.edge, err = l.db.reader(ctx).ReadHashes(edgeIndexes(entries)); err != nil {
		return err
	}
	if l.tree.root() != l.head.Root {
		return fmt.Errorf("%w: its hashes are not those that the checkpoint of %d entries signs", ErrDamaged, entries)
	}
	return l.loadGaps(ctx)
}

// Close waits for the appends under way and closes the file.
func (l *Log) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.db.db.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Size returns how many entries there are.
func (l *Log) Size() int64 { return l.checkpoint().Size }

// PublicKey returns the key that verifies checkpoints, in the form of sumdb/note.
func (l *Log) PublicKey() string { return l.key.public }

func (l *Log) checkpoint() Checkpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}
