package audit

import (
	"context"
	"fmt"
)

// EncodeLeaf is what Append writes.
func EncodeLeaf(e Entry) ([]byte, error) { return e.encode() }

// Pragma returns a setting of the journal's connection.
func (l *Log) Pragma(ctx context.Context, name string) (string, error) {
	var value any
	err := l.db.db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
	return fmt.Sprint(value), err
}

// MoveWAL moves what is in the write-ahead log into the database.
func (l *Log) MoveWAL(ctx context.Context) error {
	_, err := l.db.db.ExecContext(ctx, "PRAGMA wal_checkpoint(restart)")
	return err
}

// VerifyCopied is VerifyFile with another way to copy a file.
func VerifyCopied(
	ctx context.Context, path string, known []Checkpoint, duplicate func(to, from string) error,
) (Report, error) {
	return verifyFile(ctx, path, known, duplicate)
}

// CopyFile is how VerifyFile copies.
func CopyFile(to, from string) error { return copyFile(to, from) }
