package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReliability26ANewerOrderIsRefused: a shim of today does not run what a davit
// of tomorrow orders.
func TestReliability26ANewerOrderIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, orderName), []byte(`{"version":9,"spec":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readOrder(dir); err == nil || !strings.Contains(err.Error(), "version 9, this davit knows") {
		t.Errorf("error %v", err)
	}
}
