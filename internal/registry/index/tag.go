package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// ImmutablePrefix begins the tags that never move, not even when the manifest
// that they point to is deleted.
const ImmutablePrefix = "release-"

// ImmutableError says that a tag belongs to another digest for good.
type ImmutableError struct {
	Tag, Digest string
}

// Error implements error.
func (e *ImmutableError) Error() string {
	return fmt.Sprintf("tag %s belongs to %s for good; choose another tag", e.Tag, e.Digest)
}

// point lets a tag point to a manifest.
func point(ctx context.Context, tx *sql.Tx, repo, tag, digest string) error {
	if strings.HasPrefix(tag, ImmutablePrefix) {
		var now string
		err := tx.QueryRowContext(ctx, "SELECT digest FROM tag WHERE repo = ? AND name = ?", repo, tag).Scan(&now)
		if err == nil && now != digest {
			return &ImmutableError{tag, now}
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO tag VALUES (?, ?, ?)", repo, tag, digest)
	return err
}

// Untag removes a tag.
func (x *Index) Untag(ctx context.Context, repo, tag string) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM tag WHERE repo = ? AND name = ?", repo, tag)
		return err
	})
}

// Tags returns up to n names after last, in lexical order; all when n is negative.
func (x *Index) Tags(ctx context.Context, repo, last string, n int) ([]string, error) {
	return texts(ctx, x.db, "SELECT t.name FROM tag t JOIN manifest m ON m.repo = t.repo AND m.digest = t.digest "+
		"WHERE t.repo = ? AND t.name > ? ORDER BY t.name LIMIT ?", repo, last, n)
}
