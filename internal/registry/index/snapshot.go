package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Snapshot writes the index as it is now into a new file, without the blobs that
// no manifest of their repository names: pushes that are not done yet. Changes
// wait meanwhile.
func (x *Index) Snapshot(ctx context.Context, path string) error {
	if _, err := x.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("copy index: %w", err)
	}
	copied, err := Open(ctx, path)
	if err != nil {
		return err
	}
	err = copied.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM link WHERE (repo, digest) IN ("+
			"SELECT l.repo, l.digest FROM link l WHERE NOT EXISTS ("+naming+"))")
		return err
	})
	return errors.Join(err, copied.Close())
}
