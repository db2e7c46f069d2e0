package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/driver" // database/sql driver "sqlite3"
	"golang.org/x/mod/sumdb/tlog"
)

// schemaVersion is PRAGMA user_version of a new database, compactedVersion of one
// with entries that were compacted, which needs a davit that knows of it.
// applicationID marks the database as davit's ("davt").
const (
	schemaVersion    = 1
	compactedVersion = 2
	applicationID    = 0x64617674
)

// schema: entry holds the leaves as they were hashed, hash the hashes of the
// tree in the order of tlog.StoredHashIndex, checkpoint the latest signed one.
const schema = `
CREATE TABLE entry (idx INTEGER PRIMARY KEY, leaf TEXT NOT NULL) STRICT;
CREATE TABLE hash (idx INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 0), note TEXT NOT NULL) STRICT;
`

// compactedSchema comes with the first compaction: it finds the entries that say
// what was compacted, whose leaves are empty.
const compactedSchema = `CREATE TABLE IF NOT EXISTS compaction (idx INTEGER PRIMARY KEY) STRICT;`

// readRows is how many entries are read at once. Between two reads appends go on.
const readRows = 32

// database is the file that holds a journal, on its only connection.
type database struct {
	db *sql.DB
}

// openDatabase opens or creates the file at path and takes it for this process.
// vfs names the SQLite VFS that reaches the disk, "" the operating system's.
func openDatabase(ctx context.Context, path, vfs string) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	f.Close()
	// SQLite gives the write-ahead log the mode of the file in modeof. The order
	// matters: with an exclusive lock before WAL there is no shared memory.
	query := url.Values{"modeof": {path}, "_pragma": {
		"busy_timeout(1000)", "locking_mode(exclusive)", "journal_mode(wal)",
		"synchronous(full)", "trusted_schema(off)", "cell_size_check(on)",
	}}
	if vfs != "" {
		query.Set("vfs", vfs)
	}
	source := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite3", source.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	d := &database{db: db}
	if err := d.prepare(ctx); err != nil {
		if errors.Is(err, sqlite3.BUSY) {
			err = fmt.Errorf("another process has it: %w", err)
		}
		return nil, fmt.Errorf("open database %s: %w", path, errors.Join(err, db.Close()))
	}
	return d, nil
}

// prepare makes the tables of a new database and refuses one that is not ours.
func (d *database) prepare(ctx context.Context) error {
	var id, version, tables int
	for query, value := range map[string]*int{
		"PRAGMA application_id":              &id,
		"PRAGMA user_version":                &version,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := d.db.QueryRowContext(ctx, query).Scan(value); err != nil {
			return err
		}
	}
	switch {
	case tables == 0:
		return d.create(ctx)
	case id != applicationID:
		return errors.New("it is not a journal of davit")
	case version > compactedVersion:
		return fmt.Errorf("it has version %d, this davit knows versions up to %d: use the newer davit that wrote it",
			version, compactedVersion)
	case version < schemaVersion:
		return fmt.Errorf("it has version %d, which no davit has written", version)
	}
	return nil
}

func (d *database) create(ctx context.Context) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	version := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion)
	if _, err := tx.ExecContext(ctx, schema+version); err != nil {
		return err
	}
	return tx.Commit()
}

// record is a row of the table entry.
type record struct {
	index int64
	leaf  []byte
}

// records returns the next rows from an index on, none after the last.
func (d *database) records(ctx context.Context, from int64) ([]record, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT idx, leaf FROM entry WHERE idx >= ? ORDER BY idx LIMIT ?", from, readRows)
	if err != nil {
		return nil, fmt.Errorf("read entries from %d: %w", from, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	var records []record
	for rows.Next() {
		var r record
		if err := rows.Scan(&r.index, &r.leaf); err != nil {
			return nil, fmt.Errorf("read entries from %d: %w", from, err)
		}
		records = append(records, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read entries from %d: %w", from, err)
	}
	return records, nil
}

// hashes returns the stored hashes from index from up to but not including to.
func (d *database) hashes(ctx context.Context, from, to int64) (map[int64]tlog.Hash, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT idx, hash FROM hash WHERE idx >= ? AND idx < ?", from, to)
	if err != nil {
		return nil, fmt.Errorf("read hashes from %d: %w", from, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	hashes := map[int64]tlog.Hash{}
	for rows.Next() {
		var index int64
		var hash []byte
		if err := rows.Scan(&index, &hash); err != nil {
			return nil, fmt.Errorf("read hashes from %d: %w", from, err)
		}
		if len(hash) == tlog.HashSize {
			hashes[index] = tlog.Hash(hash)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read hashes from %d: %w", from, err)
	}
	return hashes, nil
}

// reader lets package tlog read stored hashes.
func (d *database) reader(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			var hash []byte
			err := d.db.QueryRowContext(ctx, "SELECT hash FROM hash WHERE idx = ?", index).Scan(&hash)
			if err != nil || len(hash) != tlog.HashSize {
				return nil, fmt.Errorf("read hash %d of %d bytes: %w", index, len(hash), errors.Join(ErrDamaged, err))
			}
			hashes[i] = tlog.Hash(hash)
		}
		return hashes, nil
	})
}

// note returns the stored checkpoint, "" when there is none.
func (d *database) note(ctx context.Context) (string, error) {
	var text string
	err := d.db.QueryRowContext(ctx, "SELECT note FROM checkpoint WHERE id = 0").Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read checkpoint: %w", err)
	}
	return text, nil
}

// count returns how many entries and hashes are stored, wherever they are.
func (d *database) count(ctx context.Context) (entries, hashes int64, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM hash)").Scan(&entries, &hashes)
	if err != nil {
		return 0, 0, fmt.Errorf("count entries: %w", err)
	}
	return entries, hashes, nil
}

// write stores leaves from an index on, their hashes and the checkpoint that
// covers them, all or nothing. It is durable when it returns.
func (d *database) write(ctx context.Context, leaves []record, hashes []tlog.Hash, c Checkpoint) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	for _, r := range leaves {
		if _, err := tx.ExecContext(ctx, "INSERT INTO entry (idx, leaf) VALUES (?, ?)", r.index, string(r.leaf)); err != nil {
			return fmt.Errorf("write entry %d: %w", r.index, err)
		}
	}
	first := tlog.StoredHashCount(c.Size) - int64(len(hashes))
	for i, hash := range hashes {
		if _, err := tx.ExecContext(ctx, "INSERT INTO hash (idx, hash) VALUES (?, ?)", first+int64(i), hash[:]); err != nil {
			return fmt.Errorf("write hash %d: %w", first+int64(i), err)
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO checkpoint (id, note) VALUES (0, ?)", c.Note); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// forget empties leaves, all or none, for the reason that an entry gives. It
// returns how many.
func (d *database) forget(ctx context.Context, reason int64, spans []span) (int64, error) {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("compact: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	version := fmt.Sprintf("PRAGMA user_version = %d;", compactedVersion)
	if _, err := tx.ExecContext(ctx, compactedSchema+version); err != nil {
		return 0, fmt.Errorf("compact: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO compaction (idx) VALUES (?)", reason); err != nil {
		return 0, fmt.Errorf("compact: %w", err)
	}
	var forgotten int64
	for _, s := range spans {
		result, err := tx.ExecContext(ctx, "UPDATE entry SET leaf = '' WHERE idx BETWEEN ? AND ?", s[0], s[1])
		if err != nil {
			return 0, fmt.Errorf("compact: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, fmt.Errorf("compact: %w", err)
		}
		forgotten += n
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("compact: %w", err)
	}
	return forgotten, nil
}

// compactions returns the indexes of the entries that say what was compacted.
func (d *database) compactions(ctx context.Context) ([]int64, error) {
	var version int
	if err := d.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version < compactedVersion {
		return nil, err
	}
	rows, err := d.db.QueryContext(ctx, "SELECT idx FROM compaction ORDER BY idx")
	if err != nil {
		return nil, fmt.Errorf("read compactions: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	var indexes []int64
	for rows.Next() {
		var index int64
		if err := rows.Scan(&index); err != nil {
			return nil, fmt.Errorf("read compactions: %w", err)
		}
		indexes = append(indexes, index)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read compactions: %w", err)
	}
	return indexes, nil
}
