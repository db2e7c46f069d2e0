package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/driver" // the database/sql driver
)

// schemaVersion is the version of the index's form.
const schemaVersion = 1

const schema = `
CREATE TABLE link (repo TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repo, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE manifest (
	repo TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
	artifact_type TEXT NOT NULL, subject TEXT NOT NULL, annotations TEXT NOT NULL,
	PRIMARY KEY (repo, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_subject ON manifest (repo, subject);
CREATE TABLE tag (repo TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repo, name)) STRICT, WITHOUT ROWID;
CREATE TABLE reference (repo TEXT NOT NULL, manifest TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repo, manifest, digest)) STRICT, WITHOUT ROWID;
CREATE INDEX reference_digest ON reference (repo, digest);
`

// index knows which repository has what. It is in the same promise class as the
// journal: what is acknowledged survives a power cut.
type index struct {
	db *sql.DB
}

// record is what the index knows of a manifest.
type record struct {
	Digest       string
	MediaType    string
	Size         int64
	ArtifactType string
	Subject      string
	Annotations  string   // JSON
	References   []string // digests of the blobs and manifests it names
}

func openIndex(path string) (*index, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	f.Close()
	// An exclusive lock before WAL needs no shared memory.
	query := url.Values{"modeof": {path}, "_pragma": {
		"busy_timeout(1000)", "locking_mode(exclusive)", "journal_mode(wal)",
		"synchronous(full)", "trusted_schema(off)", "cell_size_check(on)",
	}}
	source := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite3", source.String())
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	db.SetMaxOpenConns(1) // exclusive locking belongs to one connection
	x := &index{db: db}
	if err := x.prepare(context.Background()); err != nil {
		if errors.Is(err, sqlite3.BUSY) {
			err = fmt.Errorf("another process has it: %w", err)
		}
		return nil, errors.Join(err, db.Close())
	}
	return x, nil
}

func (x *index) close() error { return x.db.Close() }

// prepare makes the tables of a new index and refuses a newer form.
func (x *index) prepare(ctx context.Context) error {
	var version int
	if err := x.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	switch {
	case version == schemaVersion:
		return nil
	case version > schemaVersion:
		return fmt.Errorf("open index: it has version %d, this davit knows version %d: use the davit that wrote it", version, schemaVersion)
	}
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version = %d;", schemaVersion))
		return err
	})
}

// change runs fn in a transaction.
func (x *index) change(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("change index: %w", err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(fmt.Errorf("change index: %w", err), tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("change index: %w", err)
	}
	return nil
}

func (x *index) link(ctx context.Context, repo, digest string) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO link VALUES (?, ?)", repo, digest)
		return err
	})
}

func (x *index) linked(ctx context.Context, repo, digest string) (bool, error) {
	return x.exists(ctx, "SELECT 1 FROM link WHERE repo = ? AND digest = ?", repo, digest)
}

// linkedAnywhere names a repository that has a blob.
func (x *index) linkedAnywhere(ctx context.Context, digest string) (bool, error) {
	return x.exists(ctx, "SELECT 1 FROM link WHERE digest = ?", digest)
}

// known says whether there is anything in a repository.
func (x *index) known(ctx context.Context, repo string) (bool, error) {
	return x.exists(ctx, "SELECT 1 FROM link WHERE repo = ?1 UNION SELECT 1 FROM manifest WHERE repo = ?1", repo)
}

func (x *index) exists(ctx context.Context, query string, args ...any) (bool, error) {
	var one int
	err := x.db.QueryRowContext(ctx, query+" LIMIT 1", args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read index: %w", err)
	}
	return true, nil
}

// unlink takes a blob out of a repository.
func (x *index) unlink(ctx context.Context, repo, digest string) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM link WHERE repo = ? AND digest = ?", repo, digest)
		return err
	})
}

// put records a manifest and, when tag is not empty, what the tag points to.
func (x *index) put(ctx context.Context, repo, tag string, r record) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?)",
			repo, r.Digest, r.MediaType, r.Size, r.ArtifactType, r.Subject, r.Annotations)
		if err != nil {
			return err
		}
		for _, to := range r.References {
			_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO reference VALUES (?, ?, ?)", repo, r.Digest, to)
			if err != nil {
				return err
			}
		}
		if tag == "" {
			return nil
		}
		if err := movable(ctx, tx, repo, tag, r.Digest); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO tag VALUES (?, ?, ?)", repo, tag, r.Digest)
		return err
	})
}

// immutablePrefix begins the tags that never move.
const immutablePrefix = "release-"

// movable refuses to let a release tag point to something else. It asks within
// the transaction that moves the tag, so that of two pushes one wins.
func movable(ctx context.Context, tx *sql.Tx, repo, tag, digest string) error {
	if !strings.HasPrefix(tag, immutablePrefix) {
		return nil
	}
	var now string
	err := tx.QueryRowContext(ctx, "SELECT digest FROM tag WHERE repo = ? AND name = ?", repo, tag).Scan(&now)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && now == digest) {
		return nil
	}
	if err != nil {
		return err
	}
	return problemf(http.StatusConflict, "DENIED", "tag %s belongs to %s for good; choose another tag", tag, now)
}

// manifest finds a manifest by tag or digest.
func (x *index) manifest(ctx context.Context, repo, reference string) (record, error) {
	const columns = "SELECT m.digest, m.media_type, m.size, m.artifact_type, m.subject, m.annotations FROM manifest m "
	where := "WHERE m.repo = ? AND m.digest = ?"
	if tagForm.MatchString(reference) {
		where = "JOIN tag t ON t.repo = m.repo AND t.digest = m.digest WHERE t.repo = ? AND t.name = ?"
	}
	var r record
	err := x.db.QueryRowContext(ctx, columns+where, repo, reference).Scan(&r.Digest, &r.MediaType, &r.Size, &r.ArtifactType, &r.Subject, &r.Annotations)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("manifest %s in %s: %w", reference, repo, ErrNotFound)
	}
	if err != nil {
		return r, fmt.Errorf("read index: %w", err)
	}
	return r, nil
}

// remove deletes a manifest with its tags.
func (x *index) remove(ctx context.Context, repo, digest string) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		for _, statement := range []string{
			"DELETE FROM tag WHERE repo = ? AND digest = ?",
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

func (x *index) untag(ctx context.Context, repo, tag string) error {
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM tag WHERE repo = ? AND name = ?", repo, tag)
		return err
	})
}

// tags returns up to n names after last, in lexical order; all when n is negative.
func (x *index) tags(ctx context.Context, repo, last string, n int) ([]string, error) {
	return x.texts(ctx, "SELECT name FROM tag WHERE repo = ? AND name > ? ORDER BY name LIMIT ?", repo, last, n)
}

// users returns the manifests of a repository that need a digest: those that
// name it, those that name these, and so on.
func (x *index) users(ctx context.Context, repo, digest string) ([]string, error) {
	return x.texts(ctx, `WITH RECURSIVE user (digest) AS (
		SELECT manifest FROM reference WHERE repo = ?1 AND digest = ?2
		UNION SELECT r.manifest FROM reference r JOIN user u ON r.digest = u.digest WHERE r.repo = ?1
	) SELECT digest FROM user`, repo, digest)
}

func (x *index) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := x.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	defer rows.Close()
	found := []string{}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("read index: %w", err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return found, nil
}

// referrers returns the manifests whose subject is a digest, by digest.
func (x *index) referrers(ctx context.Context, repo, subject string) ([]record, error) {
	rows, err := x.db.QueryContext(ctx, "SELECT digest, media_type, size, artifact_type, subject, annotations "+
		"FROM manifest WHERE repo = ? AND subject = ? ORDER BY digest", repo, subject)
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	defer rows.Close()
	var found []record
	for rows.Next() {
		var r record
		if err := rows.Scan(&r.Digest, &r.MediaType, &r.Size, &r.ArtifactType, &r.Subject, &r.Annotations); err != nil {
			return nil, fmt.Errorf("read index: %w", err)
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return found, nil
}
