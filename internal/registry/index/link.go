package index

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A link says that a repository has a blob. It also holds when somebody last had
// reason to believe that the blob will stay: it was pushed, mounted, found by
// who wants to use it, or lost the manifest that named it.

// Link gives a blob to a repository.
func (x *Index) Link(ctx context.Context, repo, digest string, now time.Time) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO link VALUES (?, ?, ?)", repo, digest, seconds(now))
		return err
	})
}

// Linked says whether a repository has a blob.
func (x *Index) Linked(ctx context.Context, repo, digest string) (bool, error) {
	return exists(ctx, x.db, "SELECT 1 FROM link WHERE repo = ? AND digest = ?", repo, digest)
}

// Find says whether a repository has a blob, for somebody who will rely on it
// when it has. Of a blob that no manifest names this is written down, at most
// once in an interval.
func (x *Index) Find(ctx context.Context, repo, digest string, now time.Time, interval time.Duration) (bool, error) {
	linked, err := x.Linked(ctx, repo, digest)
	if !linked || err != nil {
		return false, err
	}
	const lonely = "FROM link l WHERE l.repo = ? AND l.digest = ? AND l.used < ? AND NOT EXISTS (" + naming + ")"
	stale, err := exists(ctx, x.db, "SELECT 1 "+lonely, repo, digest, seconds(now.Add(-interval)))
	if !stale || err != nil {
		return err == nil, err
	}
	renewed := false // unless it was collected in between
	err = x.change(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE link SET used = ? WHERE repo = ? AND digest = ?", seconds(now), repo, digest)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		renewed = n > 0
		return err
	})
	return renewed, err
}

// naming finds the manifests that name the blob of a link l.
const naming = "SELECT 1 FROM reference r WHERE r.repo = l.repo AND r.digest = l.digest"

// Mount gives a blob that another repository has, or any when from is empty, to
// a repository. It says whether there was one.
func (x *Index) Mount(ctx context.Context, repo, from, digest string, now time.Time) (there bool, err error) {
	err = x.change(ctx, func(tx *sql.Tx) error {
		there, err = exists(ctx, tx, "SELECT 1 FROM link WHERE digest = ?1 AND (repo = ?2 OR ?2 = '')", digest, from)
		if !there || err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO link VALUES (?, ?, ?)", repo, digest, seconds(now))
		return err
	})
	return there && err == nil, err
}

// Unlink takes a blob out of a repository.
func (x *Index) Unlink(ctx context.Context, repo, digest string) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM link WHERE repo = ? AND digest = ?", repo, digest)
		return err
	})
}

// Expire takes out of their repositories up to limit blobs that no manifest
// there names and that nobody relied on since a time. It says how many.
func (x *Index) Expire(ctx context.Context, before time.Time, limit int) (count int, err error) {
	err = x.change(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM link WHERE (repo, digest) IN ("+
			"SELECT l.repo, l.digest FROM link l WHERE l.used < ? AND NOT EXISTS ("+naming+") LIMIT ?)", seconds(before), limit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		count = int(n)
		return err
	})
	return count, err
}

// Needed says whether any repository has a blob, or a manifest with its digest.
func (x *Index) Needed(ctx context.Context, digest string) (bool, error) {
	return exists(ctx, x.db, "SELECT 1 FROM link WHERE digest = ?1 UNION ALL SELECT 1 FROM manifest WHERE digest = ?1", digest)
}

// Content calls fn with every digest that some repository has, in order, and one
// of the repositories.
func (x *Index) Content(ctx context.Context, fn func(digest, repo string) error) error {
	const page = 1000
	last := ""
	for {
		found, err := x.contentAfter(ctx, last, page)
		if err != nil {
			return err
		}
		for _, c := range found {
			if err := fn(c[0], c[1]); err != nil {
				return err
			}
			last = c[0]
		}
		if len(found) < page {
			return nil
		}
	}
}

func (x *Index) contentAfter(ctx context.Context, last string, limit int) (found [][2]string, err error) {
	rows, err := x.db.QueryContext(ctx, "SELECT digest, min(repo) FROM "+
		"(SELECT digest, repo FROM link WHERE digest > ?1 UNION ALL SELECT digest, repo FROM manifest WHERE digest > ?1) "+
		"GROUP BY digest ORDER BY digest LIMIT ?2", last, limit)
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c [2]string
		if err := rows.Scan(&c[0], &c[1]); err != nil {
			return nil, fmt.Errorf("read index: %w", err)
		}
		found = append(found, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return found, nil
}
