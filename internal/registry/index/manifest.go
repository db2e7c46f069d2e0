package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Manifest is what the index knows of a manifest.
type Manifest struct {
	Digest       string
	MediaType    string
	Size         int64
	ArtifactType string
	Subject      string
	Annotations  string // JSON

	// What it names; for Put only. Blobs and Children have to be in the
	// repository.
	Blobs     []string
	Children  []string
	Elsewhere []string // may be missing: the subject, layers that lie somewhere else
}

// MissingError says that a repository does not have what a manifest names.
type MissingError struct {
	Repo, Digest string
}

// Error implements error.
func (e *MissingError) Error() string { return fmt.Sprintf("%s is not in %s", e.Digest, e.Repo) }

// Put records a manifest whose parts are there, and lets tags point to it.
func (x *Index) Put(ctx context.Context, repo string, tags []string, m Manifest) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		if err := complete(ctx, tx, repo, m); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?)",
			repo, m.Digest, m.MediaType, m.Size, m.ArtifactType, m.Subject, m.Annotations)
		if err != nil {
			return err
		}
		for _, named := range [][]string{m.Blobs, m.Children, m.Elsewhere} {
			for _, to := range named {
				if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO reference VALUES (?, ?, ?)", repo, m.Digest, to); err != nil {
					return err
				}
			}
		}
		for _, tag := range tags {
			if err := point(ctx, tx, repo, tag, m.Digest); err != nil {
				return err
			}
		}
		return nil
	})
}

// complete refuses a manifest that names what the repository does not have. It
// asks within the transaction that names it, so that collection, which may come
// before or after, never comes between.
func complete(ctx context.Context, tx *sql.Tx, repo string, m Manifest) error {
	for _, part := range []struct {
		query   string
		digests []string
	}{
		{"SELECT 1 FROM link WHERE repo = ? AND digest = ?", m.Blobs},
		{"SELECT 1 FROM manifest WHERE repo = ? AND digest = ?", m.Children},
	} {
		for _, digest := range part.digests {
			there, err := exists(ctx, tx, part.query, repo, digest)
			if err != nil {
				return err
			}
			if !there {
				return &MissingError{repo, digest}
			}
		}
	}
	return nil
}

const columns = "m.digest, m.media_type, m.size, m.artifact_type, m.subject, m.annotations"

func (m *Manifest) fields() []any {
	return []any{&m.Digest, &m.MediaType, &m.Size, &m.ArtifactType, &m.Subject, &m.Annotations}
}

// ByDigest finds a manifest, if it is there.
func (x *Index) ByDigest(ctx context.Context, repo, digest string) (Manifest, bool, error) {
	return x.find(ctx, "FROM manifest m WHERE m.repo = ? AND m.digest = ?", repo, digest)
}

// ByTag finds the manifest that a tag points to, if it is there.
func (x *Index) ByTag(ctx context.Context, repo, tag string) (Manifest, bool, error) {
	return x.find(ctx, "FROM manifest m JOIN tag t ON t.repo = m.repo AND t.digest = m.digest WHERE t.repo = ? AND t.name = ?", repo, tag)
}

func (x *Index) find(ctx context.Context, from string, args ...any) (m Manifest, found bool, err error) {
	err = x.db.QueryRowContext(ctx, "SELECT "+columns+" "+from, args...).Scan(m.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("read index: %w", err)
	}
	return m, true, nil
}

// Remove deletes a manifest with its tags. The blobs that only it named may be
// wanted by a push that is under way: their grace begins now.
func (x *Index) Remove(ctx context.Context, repo, digest string, now time.Time) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE link SET used = ? WHERE repo = ? AND digest IN "+
			"(SELECT digest FROM reference WHERE repo = ? AND manifest = ?)", seconds(now), repo, repo, digest)
		if err != nil {
			return err
		}
		for _, statement := range []string{
			"DELETE FROM tag WHERE repo = ? AND digest = ? AND substr(name, 1, 8) <> '" + ImmutablePrefix + "'",
			"DELETE FROM reference WHERE repo = ? AND manifest = ?",
			"DELETE FROM manifest WHERE repo = ? AND digest = ?",
		} {
			if _, err := tx.ExecContext(ctx, statement, repo, digest); err != nil {
				return err
			}
		}
		return nil
	})
}

// Users returns the manifests of a repository that need a digest: those that
// name it, those that name these, and so on.
func (x *Index) Users(ctx context.Context, repo, digest string) ([]string, error) {
	return texts(ctx, x.db, `WITH RECURSIVE user (digest) AS (
		SELECT manifest FROM reference WHERE repo = ?1 AND digest = ?2
		UNION SELECT r.manifest FROM reference r JOIN user u ON r.digest = u.digest WHERE r.repo = ?1
	) SELECT digest FROM user`, repo, digest)
}

// Stored says whether any repository has a manifest.
func (x *Index) Stored(ctx context.Context, digest string) (bool, error) {
	return exists(ctx, x.db, "SELECT 1 FROM manifest WHERE digest = ?", digest)
}

// Referrers returns the manifests whose subject is a digest, by digest.
func (x *Index) Referrers(ctx context.Context, repo, subject string) ([]Manifest, error) {
	rows, err := x.db.QueryContext(ctx, "SELECT "+columns+" FROM manifest m WHERE m.repo = ? AND m.subject = ? ORDER BY m.digest", repo, subject)
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	defer rows.Close()
	var found []Manifest
	for rows.Next() {
		var m Manifest
		if err := rows.Scan(m.fields()...); err != nil {
			return nil, fmt.Errorf("read index: %w", err)
		}
		found = append(found, m)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return found, nil
}
