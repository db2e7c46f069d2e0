package backup_test

import (
	"errors"
	"testing"

	"github.com/davit-dev/davit/internal/backup"
)

// TestReliability26ANewerBackupIsRefused, also one with fields that nobody knows.
func TestReliability26ANewerBackupIsRefused(t *testing.T) {
	good := members()
	m := manifestOf(good)
	m.Format = backup.Format + 1
	_, _, err := read(pack(t, items(t, m, good)))
	if newer, ok := errors.AsType[*backup.FormatError](err); !ok || newer.Format != backup.Format+1 {
		t.Errorf("error %v", err)
	}
}
