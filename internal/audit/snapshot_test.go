package audit_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/davit-dev/davit/internal/audit"
)

// TestSnapshot takes copies while entries are appended: each is whole, ends with
// its checkpoint, is a beginning of the journal, and can be continued.
func TestSnapshot(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	add(t, log, 10)
	stop := make(chan struct{})
	var appends sync.WaitGroup
	appends.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := log.Append(t.Context(), audit.Entry{Kind: "k"}); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 5 {
		copied := t.TempDir()
		before := head(t, log)
		c, err := log.Snapshot(t.Context(), filepath.Join(copied, "control.db"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"journal.key", "journal.pub"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(copied, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if r := verify(t, copied, []audit.Checkpoint{before, c}); !r.OK || r.Size != c.Size || r.Root != c.Root {
			t.Errorf("%+v, with %v", r, c)
		}
		again := open(t, copied)
		if again.Size() != c.Size {
			t.Errorf("%d entries, the checkpoint says %d", again.Size(), c.Size)
		}
		add(t, again, 1)
		shut(t, again)
	}
	close(stop)
	appends.Wait()
	if _, err := log.Snapshot(t.Context(), filepath.Join(dir, "control.db")); err == nil {
		t.Error("a file that is there was written over")
	}
}
