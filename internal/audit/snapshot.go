package audit

import (
	"context"
	"fmt"
)

// Snapshot writes the journal as it is now into a new database file, and returns
// the checkpoint that is the last thing in it. Appends wait meanwhile, and go on
// afterwards. The file is not synced; VerifyFile checks it, given journal.pub
// beside it.
func (l *Log) Snapshot(ctx context.Context, path string) (Checkpoint, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if _, err := l.db.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return Checkpoint{}, fmt.Errorf("copy the journal: %w", err)
	}
	return l.checkpoint(), nil
}
