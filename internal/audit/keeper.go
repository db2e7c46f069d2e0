package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

const (
	keptVersion = 1
	keptMost    = 256 // checkpoints of one server; the oldest go first
)

// Keeper keeps, on the client's side, the checkpoints that servers showed. A
// journal that was cut, swapped or signed anew contradicts one of them.
type Keeper struct {
	dir string
}

// Keep returns the keeper of a folder, which need not exist yet.
func Keep(dir string) *Keeper { return &Keeper{dir: dir} }

// kept is the file about one server.
type kept struct {
	Version int      `json:"version"`
	Server  string   `json:"server"`
	Key     string   `json:"key"`   // pinned when the server was first seen
	Notes   []string `json:"notes"` // by size
}

// ContradictionError says that a server shows a journal that is not the
// continuation of the one it showed before.
type ContradictionError struct {
	Server string
	Kept   Checkpoint
	Seen   Checkpoint
	Reason string
	File   string // where Kept is kept; who removes it starts trusting anew
}

// Error implements error.
func (e *ContradictionError) Error() string {
	return fmt.Sprintf("the journal of %s contradicts the checkpoint that was kept of it: %s (kept: %s; now: %s)",
		e.Server, e.Reason, e.Kept, e.Seen)
}

// Check asks a server for its head with the proof that it continues the journal
// of the size that was last seen there (0: nothing was), checks it, and keeps it.
// The first key that is seen of a server is its key. The error is a
// *ContradictionError when the journal is not a continuation.
func (k *Keeper) Check(
	ctx context.Context, server string, fetch func(ctx context.Context, old int64) (Head, error),
) (Checkpoint, error) {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return Checkpoint{}, fmt.Errorf("make folder for checkpoints: %w", err)
	}
	unlock, err := k.lock()
	if err != nil {
		return Checkpoint{}, err
	}
	defer unlock()
	record, known, err := k.read(server)
	if err != nil {
		return Checkpoint{}, err
	}
	var last Checkpoint
	if len(known) > 0 {
		last = known[len(known)-1]
	}
	head, err := fetch(ctx, last.Size)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("ask %s for its checkpoint: %w", server, err)
	}
	seen, err := ParseCheckpoint(head.Note, head.Key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("check the journal of %s: %w", server, err)
	}
	if len(known) > 0 {
		if reason := contradiction(last, seen, head.Proof); reason != "" {
			return seen, &ContradictionError{Server: server, Kept: last, Seen: seen, Reason: reason, File: k.path(server)}
		}
		if seen.Size == last.Size {
			return seen, nil
		}
	}
	record.Key = seen.Key
	record.Notes = append(record.Notes, seen.Note)
	record.Notes = record.Notes[max(0, len(record.Notes)-keptMost):]
	return seen, k.write(server, record)
}

// contradiction says why one checkpoint does not continue another, "" when the
// proof shows that it does.
func contradiction(last, seen Checkpoint, proof []string) string {
	switch {
	case seen.Key != last.Key:
		return "it is signed with another key"
	case seen.Size < last.Size:
		return "it has fewer entries than before"
	case seen.Size == last.Size && seen.Root != last.Root:
		return "its entries are not the same as before"
	case seen.Size == last.Size || last.Size == 0:
		return ""
	}
	var hashes tlog.TreeProof
	for _, text := range proof {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return "its proof is not made of hashes"
		}
		hashes = append(hashes, hash)
	}
	if err := tlog.CheckTree(hashes, seen.Size, seen.Root, last.Size, last.Root); err != nil {
		return "it does not prove that it continues the entries of before"
	}
	return ""
}

// Known returns the checkpoints that were kept of a server, by size.
func (k *Keeper) Known(server string) ([]Checkpoint, error) {
	_, known, err := k.read(server)
	return known, err
}

func (k *Keeper) path(server string) string {
	sum := sha256.Sum256([]byte(server))
	return filepath.Join(k.dir, hex.EncodeToString(sum[:16])+".json")
}

func (k *Keeper) read(server string) (kept, []Checkpoint, error) {
	record := kept{Version: keptVersion, Server: server}
	path := k.path(server)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record, nil, nil
	}
	if err != nil {
		return record, nil, fmt.Errorf("read kept checkpoints: %w", err)
	}
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(data, &head) == nil && head.Version != keptVersion { // whatever form the rest has
		return record, nil, fmt.Errorf("read kept checkpoints %s: it has version %d, this davit knows version %d: use the davit that wrote it",
			path, head.Version, keptVersion)
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, nil, fmt.Errorf("read kept checkpoints %s: %w", path, err)
	}
	var known []Checkpoint
	for _, text := range record.Notes {
		c, err := ParseCheckpoint(text, record.Key)
		if err != nil {
			return record, nil, fmt.Errorf("read kept checkpoints %s: %w", path, err)
		}
		known = append(known, c)
	}
	return record, known, nil
}

func (k *Keeper) write(server string, record kept) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return fmt.Errorf("encode kept checkpoints: %w", err)
	}
	return atomicfile.Write(k.path(server), append(data, '\n'), 0o600)
}

// lock keeps two clients from losing each other's checkpoints.
func (k *Keeper) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(k.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock kept checkpoints: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock kept checkpoints: %w", err)
	}
	return func() { f.Close() }, nil
}
