package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/davit-dev/davit/internal/audit"
)

// cutsEnv makes TestPowerCut longer: the number of folders that are examined.
const cutsEnv = "DAVIT_POWER_CUTS"

// seed returns the randomness of a test, and prints where it came from:
// DAVIT_SEED, or chance.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("DAVIT_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("DAVIT_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 1))
}

// life is what a journal went through on a platter.
type life struct {
	platter *platter
	dir     string
	leaves  []string           // acknowledged, in order
	heads   []audit.Checkpoint // after each of them
}

// write appends n entries of all sizes and acknowledges each. Now and then the
// journal is closed and opened again, or the write-ahead log is emptied.
func (l *life) write(t *testing.T, n int, rng *rand.Rand) {
	t.Helper()
	log := l.open(t)
	for range n {
		switch rng.IntN(40) {
		case 0:
			shut(t, log)
			log = l.open(t)
		case 1:
			if err := log.MoveWAL(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.append(t, log, rng); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, log)
}

func (l *life) open(t *testing.T) *audit.Log {
	t.Helper()
	log, err := audit.Open(t.Context(), l.dir, audit.Options{VFS: l.platter.name})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func (l *life) append(t *testing.T, log *audit.Log, rng *rand.Rand) error {
	t.Helper()
	size := rng.IntN(200)
	if rng.IntN(8) == 0 {
		size = rng.IntN(20_000)
	}
	e, err := log.Append(t.Context(), audit.Entry{
		App: "orders", Kind: "acting", Data: json.RawMessage(fmt.Sprintf("%q", strings.Repeat("x", size))),
	})
	if err != nil {
		return err
	}
	leaf, err := audit.EncodeLeaf(e)
	if err != nil {
		return err
	}
	l.leaves, l.heads = append(l.leaves, string(leaf)), append(l.heads, head(t, log))
	l.platter.note(op{kind: opAcknowledge, at: e.Index + 1})
	return nil
}

// after wants a folder that a power cut left to be a journal with all entries
// that were acknowledged by then, and one that can be continued.
func (l *life) after(t *testing.T, dir string, acked int64) (err error) {
	t.Helper()
	var known []audit.Checkpoint
	if acked > 0 {
		known = l.heads[acked-1 : acked]
	}
	if acked > 0 {
		if err := whole(t, dir, known, acked); err != nil {
			return fmt.Errorf("before it is opened: %w", err)
		}
	}
	log, err := audit.Open(t.Context(), dir, audit.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if size := log.Size(); size < acked || size > acked+1 {
		return fmt.Errorf("%d entries, %d were acknowledged", size, acked)
	}
	for i, leaf := range leaves(t, log) {
		if i < len(l.leaves) && leaf != l.leaves[i] {
			return fmt.Errorf("entry %d is %q, was %q", i, leaf, l.leaves[i])
		}
	}
	if _, err := log.Append(t.Context(), audit.Entry{Kind: "serving"}); err != nil {
		return err
	}
	return whole(t, dir, known, acked+1)
}

func whole(t *testing.T, dir string, known []audit.Checkpoint, atLeast int64) error {
	t.Helper()
	r, err := audit.VerifyFile(t.Context(), dir, known)
	if err == nil && (!r.OK || r.Size < atLeast) {
		err = fmt.Errorf("verify: %+v", r)
	}
	return err
}

// examine cuts the power at every sync, right before and right after it, and at
// random moments between, until it has looked at most folders. It returns what
// it first found to be wrong.
func (l *life) examine(t *testing.T, most int, rng *rand.Rand) (looked int, err error) {
	t.Helper()
	moments := 0
	for _, o := range l.platter.ops {
		if o.kind == opSync || o.kind == opSyncFolder {
			moments += 2
		}
	}
	share := float64(most) / float64(moments)
	s := newSurface()
	for i, o := range l.platter.ops {
		times := 0.0
		if o.kind == opSync || o.kind == opSyncFolder || rng.IntN(10) == 0 {
			times = share
		}
		for ; rng.Float64() < times && looked < most; times-- {
			looked++
			if err := l.cutAt(t, s, rng); err != nil {
				return looked, fmt.Errorf("power cut before operation %d of %d: %w", i, len(l.platter.ops), err)
			}
		}
		s.apply(o)
	}
	return looked, nil
}

// cutAt makes and examines one folder.
func (l *life) cutAt(t *testing.T, s *surface, rng *rand.Rand) error {
	t.Helper()
	dir := t.TempDir()
	defer func() { _ = os.RemoveAll(dir) }() // there are many of them
	l.keys(t, dir)
	if err := s.cut(dir, rng); err != nil {
		return err
	}
	return l.after(t, dir, s.acked)
}

// keys copies the journal's keys into a folder.
func (l *life) keys(t *testing.T, dir string) {
	t.Helper()
	for _, key := range []string{"journal.key", "journal.pub"} {
		data, err := os.ReadFile(filepath.Join(l.dir, key))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, key), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPowerCut loses, reorders and tears what was not synced, at every sync of
// the journal's life: what Append acknowledged is there, and it goes on.
func TestPowerCut(t *testing.T) {
	most, entries := 150, 60
	if text := os.Getenv(cutsEnv); text != "" {
		var err error
		if most, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		entries = max(entries, most/20)
	}
	rng := seed(t)
	l := &life{platter: newPlatter(t), dir: t.TempDir()}
	l.write(t, entries, rng)
	looked, err := l.examine(t, most, rng)
	if err != nil {
		t.Fatal(err)
	}
	if looked < most/2 {
		t.Errorf("only %d folders were looked at", looked)
	}
	t.Logf("%d folders of %d operations on %d entries", looked, len(l.platter.ops), entries)
}

// TestPowerCutOfALyingDisk shows that TestPowerCut can fail: a disk whose syncs
// do nothing loses entries.
func TestPowerCutOfALyingDisk(t *testing.T) {
	rng := seed(t)
	l := &life{platter: newPlatter(t), dir: t.TempDir()}
	l.platter.lies = true
	l.write(t, 20, rng)
	s := newSurface()
	for _, o := range l.platter.ops {
		s.apply(o)
	}
	for range 50 {
		if err := l.cutAt(t, s, rng); err != nil {
			return
		}
	}
	t.Error("nothing was lost")
}

// TestDiskFull fills the disk at random writes, some of them half done, and
// empties it again: an append that failed left nothing, and it goes on.
func TestDiskFull(t *testing.T) {
	rng := seed(t)
	l := &life{platter: newPlatter(t), dir: t.TempDir()}
	log := l.open(t)
	failed := 0
	for range 150 {
		left := rng.IntN(12)
		l.platter.full = func() bool { left--; return left < 0 }
		for range 3 {
			size := log.Size()
			if err := l.append(t, log, rng); err == nil {
				continue
			} else if !errors.Is(err, sqlite3.FULL) && !errors.Is(err, sqlite3.IOERR) {
				t.Fatalf("a full disk was told as %v", err)
			}
			failed++
			if log.Size() != size || len(leaves(t, log)) != int(size) {
				t.Fatalf("%d entries and %d leaves after an append that failed at %d", log.Size(), len(leaves(t, log)), size)
			}
		}
		l.platter.full = nil
		if err := l.append(t, log, rng); err != nil {
			t.Fatalf("with room again: %v", err)
		}
	}
	if failed < 50 {
		t.Errorf("only %d appends failed", failed)
	}
	shut(t, log)
	if err := whole(t, l.dir, l.heads[len(l.heads)-1:], int64(len(l.leaves))); err != nil {
		t.Error(err)
	}
	t.Logf("%d appends failed, %d were acknowledged", failed, len(l.leaves))
}
