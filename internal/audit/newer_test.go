package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/audit"
)

// TestReliability26NewerCheckpointsAreRefused: what a davit of tomorrow kept of a
// server is neither read nor written over.
func TestReliability26NewerCheckpointsAreRefused(t *testing.T) {
	log := open(t, t.TempDir())
	add(t, log, 3)
	dir := t.TempDir()
	keeper := audit.Keep(dir)
	if _, err := keeper.Check(t.Context(), "here", log.Head); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	const newer = `{"version":9,"notes":{"of":"another form"}}`
	if err := os.WriteFile(files[0], []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keeper.Check(t.Context(), "here", log.Head); err == nil || !strings.Contains(err.Error(), "version 9, this davit knows version 1") {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadFile(files[0]); err != nil || string(left) != newer {
		t.Errorf("it was written over: %s, %v", left, err)
	}
}
