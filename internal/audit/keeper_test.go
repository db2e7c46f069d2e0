package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/audit"
)

func TestKeeperFollowsAJournal(t *testing.T) {
	log := open(t, t.TempDir())
	keeper := audit.Keep(t.TempDir() + "/kept")
	for _, more := range []int{0, 0, 1, 0, 2, 5, 30} {
		add(t, log, more)
		c, err := keeper.Check(t.Context(), "here", log.Head)
		if err != nil || c.Size != log.Size() {
			t.Fatalf("at %d entries: %v, %v", log.Size(), c, err)
		}
	}
	known, err := keeper.Known("here")
	if err != nil || len(known) != 5 || known[4].Size != 38 || known[1].Size != 1 {
		t.Errorf("kept %v, %v", known, err)
	}
	if known, err := keeper.Known("elsewhere"); err != nil || known != nil {
		t.Errorf("of another server: %v, %v", known, err)
	}
}

func TestKeeperRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, dir string, known []audit.Checkpoint)
		want   string
	}{
		"fewer entries":          {putBack, "fewer entries"},
		"other entries":          {forgeFrom2, "not the same"},
		"other entries and more": {forgeAndAdd, "does not prove"},
		"another key":            {beginAnew, "another key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, known := journal(t)
			keeper := audit.Keep(t.TempDir())
			log := open(t, dir)
			if _, err := keeper.Check(t.Context(), "here", log.Head); err != nil {
				t.Fatal(err)
			}
			shut(t, log)
			test.change(t, dir, known)
			log = open(t, dir)
			_, err := keeper.Check(t.Context(), "here", log.Head)
			contradiction, ok := errors.AsType[*audit.ContradictionError](err)
			if !ok || !strings.Contains(contradiction.Reason, test.want) || contradiction.Kept.Size != 12 ||
				contradiction.Seen.Note != head(t, log).Note {
				t.Fatalf("error %v", err)
			}
			if kept, err := keeper.Known("here"); err != nil || len(kept) != 1 || kept[0].Note != known[2].Note {
				t.Errorf("what was kept is now %v, %v", kept, err)
			}
			if err := os.Remove(contradiction.File); err != nil {
				t.Fatal(err)
			}
			if _, err := keeper.Check(t.Context(), "here", log.Head); err != nil {
				t.Errorf("after its file was removed: %v", err)
			}
		})
	}
}

// putBack cuts a journal as it was when known[1] was its checkpoint.
func putBack(t *testing.T, dir string, known []audit.Checkpoint) {
	t.Helper()
	raw(t, dir, `DELETE FROM entry WHERE idx >= 5`)
	raw(t, dir, `DELETE FROM hash WHERE idx >= 8`)
	raw(t, dir, `UPDATE checkpoint SET note = ?`, known[1].Note)
}

func forgeFrom2(t *testing.T, dir string, _ []audit.Checkpoint) {
	t.Helper()
	forge(t, dir, 2)
}

func forgeAndAdd(t *testing.T, dir string, _ []audit.Checkpoint) {
	t.Helper()
	forge(t, dir, 2)
	log := open(t, dir)
	add(t, log, 3)
	shut(t, log)
}

// beginAnew makes another journal of twelve entries in place of one.
func beginAnew(t *testing.T, dir string, _ []audit.Checkpoint) {
	t.Helper()
	for _, name := range []string{"control.db", "journal.key", "journal.pub"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	log := open(t, dir)
	add(t, log, 12)
	shut(t, log)
}

func TestKeeperTakesNoUnsignedHead(t *testing.T) {
	log := open(t, t.TempDir())
	keeper := audit.Keep(t.TempDir())
	_, err := keeper.Check(t.Context(), "here", func(ctx context.Context, old int64) (audit.Head, error) {
		h, err := log.Head(ctx, old)
		h.Note = strings.Replace(h.Note, "\n0\n", "\n1\n", 1)
		return h, err
	})
	if err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("error %v", err)
	}
	if known, err := keeper.Known("here"); err != nil || len(known) != 0 {
		t.Errorf("kept %v, %v", known, err)
	}
}
