package audit_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/audit"
)

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	add(t, open(t, dir), 1)
	for _, name := range []string{"control.db", "control.db-wal", "journal.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "control.db-shm")); err == nil {
		t.Error("there is shared memory: the lock is not exclusive")
	}
}

// TestSettings: without these, what Append returned would not survive a power cut.
func TestSettings(t *testing.T) {
	log := open(t, t.TempDir())
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "locking_mode": "exclusive", "user_version": "1",
	} {
		if got, err := log.Pragma(t.Context(), name); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
}

// TestAFullDisk: what does not fit is refused and leaves nothing; when there is
// room again the journal goes on.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	add(t, log, 3)
	if _, err := log.Pragma(t.Context(), "max_page_count = 10"); err != nil {
		t.Fatal(err)
	}
	before := head(t, log)
	large := audit.Entry{Kind: "large", Data: json.RawMessage(`"` + strings.Repeat("x", 100_000) + `"`)}
	if _, err := log.Append(t.Context(), large); err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatalf("error %v", err)
	}
	if got := head(t, log); got != before || log.Size() != 3 {
		t.Errorf("the head went from %v to %v", before, got)
	}
	if _, err := log.Pragma(t.Context(), "max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if e, err := log.Append(t.Context(), large); err != nil || e.Index != 3 {
		t.Errorf("%d, %v", e.Index, err)
	}
	if r, err := audit.VerifyFile(t.Context(), dir, []audit.Checkpoint{before}); err != nil || !r.OK || r.Size != 4 {
		t.Errorf("verify: %+v, %v", r, err)
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := audit.Open(t.Context(), dir, audit.Options{}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("error %v", err)
	}
}

func TestReliability26OpenRefuses(t *testing.T) {
	sql := func(query string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			raw(t, dir, query)
		}
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, dir string)
		want   string
	}{
		"newer version": {sql("PRAGMA user_version = 9"), "version 9, this davit knows versions up to 2"},
		"another file":  {sql("PRAGMA application_id = 1"), "not a journal"},
		"lost key":      {loseKey, "journal.key is missing"},
		"other key":     {swapKey, "do not belong together"},
		"cut tail":      {sql("DELETE FROM entry WHERE idx = 9"), "checkpoint says 10"},
		"edge":          {sql("UPDATE hash SET hash = zeroblob(32) WHERE idx = 17"), "not those that the checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := open(t, dir)
			add(t, log, 10)
			shut(t, log)
			test.change(t, dir)
			if _, err := audit.Open(t.Context(), dir, audit.Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func loseKey(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "journal.key")); err != nil {
		t.Fatal(err)
	}
}

func swapKey(t *testing.T, dir string) {
	t.Helper()
	other := t.TempDir()
	open(t, other)
	key, err := os.ReadFile(filepath.Join(other, "journal.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "journal.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReplayNeverSeesAChangedEntry(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	add(t, log, 10)
	shut(t, log)
	raw(t, dir, `UPDATE entry SET leaf = replace(leaf, 'ann', 'bob') WHERE idx = 3`)
	log = open(t, dir) // the edge and the signature are whole
	var seen int
	err := log.Entries(t.Context(), 0, func(audit.Entry) error {
		seen++
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "entry 3") || seen != 3 {
		t.Errorf("saw %d entries, %v", seen, err)
	}
}
