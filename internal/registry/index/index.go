// Package index knows which repository of a registry has what: blobs, manifests,
// what these name, and tags. It is in the promise class of the journal: what is
// acknowledged survives a power cut. It holds names only, never content.
package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/driver" // the database/sql driver
)

// schemaVersion is the version of the index's form.
const schemaVersion = 2

const schema = `
CREATE TABLE link (
	repo TEXT NOT NULL, digest TEXT NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (repo, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_digest ON link (digest);
CREATE INDEX link_used ON link (used);
CREATE TABLE manifest (
	repo TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
	artifact_type TEXT NOT NULL, subject TEXT NOT NULL, annotations TEXT NOT NULL,
	PRIMARY KEY (repo, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_digest ON manifest (digest);
CREATE INDEX manifest_subject ON manifest (repo, subject);
CREATE TABLE tag (repo TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repo, name)) STRICT, WITHOUT ROWID;
CREATE TABLE reference (repo TEXT NOT NULL, manifest TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repo, manifest, digest)) STRICT, WITHOUT ROWID;
CREATE INDEX reference_digest ON reference (repo, digest);
`

// migration makes version 2 of version 1, which did not know when a blob was
// used: the grace begins now.
const migration = `
CREATE TABLE linked (
	repo TEXT NOT NULL, digest TEXT NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (repo, digest)
) STRICT, WITHOUT ROWID;
INSERT INTO linked SELECT repo, digest, unixepoch() FROM link;
DROP TABLE link;
ALTER TABLE linked RENAME TO link;
CREATE INDEX link_digest ON link (digest);
CREATE INDEX link_used ON link (used);
CREATE INDEX manifest_digest ON manifest (digest);
`

// Index is an open index. It belongs to one process.
type Index struct {
	db *sql.DB
}

// Open opens the index in a file, or makes one.
func Open(ctx context.Context, path string) (*Index, error) {
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
	x := &Index{db: db}
	if err := x.prepare(ctx); err != nil {
		if errors.Is(err, sqlite3.BUSY) {
			err = fmt.Errorf("another process has it: %w", err)
		}
		return nil, errors.Join(err, db.Close())
	}
	return x, nil
}

// Close closes the index.
func (x *Index) Close() error { return x.db.Close() }

// prepare makes the tables of a new index, brings an older one up to date, and
// refuses a newer form.
func (x *Index) prepare(ctx context.Context) error {
	var version int
	if err := x.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	statements := schema
	switch {
	case version == schemaVersion:
		return nil
	case version > schemaVersion:
		return fmt.Errorf("open index: it has version %d, this davit knows version %d: use the davit that wrote it", version, schemaVersion)
	case version == 1:
		statements = migration
	}
	return x.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statements+fmt.Sprintf("PRAGMA user_version = %d;", schemaVersion))
		return err
	})
}

// change runs fn in a transaction. There is one connection, so transactions
// come one after the other, and what fn asks is still so when it writes.
func (x *Index) change(ctx context.Context, fn func(*sql.Tx) error) error {
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

// asker is what answers questions: the database or a transaction.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func exists(ctx context.Context, from asker, query string, args ...any) (bool, error) {
	var one int
	err := from.QueryRowContext(ctx, query+" LIMIT 1", args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read index: %w", err)
	}
	return true, nil
}

func texts(ctx context.Context, from asker, query string, args ...any) ([]string, error) {
	rows, err := from.QueryContext(ctx, query, args...)
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

// Known says whether there is anything in a repository.
func (x *Index) Known(ctx context.Context, repo string) (bool, error) {
	return exists(ctx, x.db, "SELECT 1 FROM link WHERE repo = ?1 UNION SELECT 1 FROM manifest WHERE repo = ?1", repo)
}

// seconds is how the index writes a time.
func seconds(t time.Time) int64 { return t.Unix() }
