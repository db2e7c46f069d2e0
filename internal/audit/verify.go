package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/mod/sumdb/tlog"
)

// copyTries is how often a journal is copied again that a running davit writes
// to, until a copy is of one moment.
const copyTries = 5

// VerifyFile checks the journal in a data folder, or the database file in one,
// against itself and against checkpoints that were kept of it. It works on a
// copy, so it may be called while davit runs and after it crashed, and changes
// nothing. The error is about not being able to look; what was found is in the
// Report.
func VerifyFile(ctx context.Context, path string, known []Checkpoint) (Report, error) {
	return verifyFile(ctx, path, known, copyFile)
}

func verifyFile(
	ctx context.Context, path string, known []Checkpoint, duplicate func(to, from string) error,
) (Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, fmt.Errorf("verify journal: %w", err)
	}
	if info.IsDir() {
		path = filepath.Join(path, databaseName)
	}
	key, err := ReadPublicKey(filepath.Dir(path))
	if errors.Is(err, os.ErrNotExist) && len(known) > 0 {
		key, err = known[0].Key, nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("verify journal: %w: it must lie beside %s", err, filepath.Base(path))
	}
	for try := 1; ; try++ {
		report, moved, err := verifyCopy(path, duplicate, func(path string) (Report, error) {
			return verifyDatabase(ctx, path, key, known)
		})
		if err != nil {
			return Report{}, fmt.Errorf("verify journal %s: %w", path, err)
		}
		if report.OK || !moved || try == copyTries {
			return report, nil
		}
	}
}

// verifyCopy checks a copy of a journal's database. moved says that the original
// changed meanwhile, so that the copy may be of no moment at all.
func verifyCopy(
	path string, duplicate func(to, from string) error, verify func(path string) (Report, error),
) (report Report, moved bool, err error) {
	dir, err := os.MkdirTemp("", "davit-audit-")
	if err != nil {
		return Report{}, false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	before := stamp(path)
	twin := filepath.Join(dir, databaseName)
	if err := duplicate(twin, path); err != nil {
		return Report{}, false, err
	}
	if err := duplicate(twin+walSuffix, path+walSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Report{}, false, err
	}
	report, err = verify(twin)
	if damaging(err) {
		report, err = Report{BadIndex: -1, Reason: "the database is damaged: " + err.Error()}, nil
	}
	return report, stamp(path) != before, err
}

// damaging says whether an error is about the content of a database, not about
// reading it.
func damaging(err error) bool {
	return errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB) || errors.Is(err, sqlite3.ERROR)
}

// stamp is different when the database or its write-ahead log was written to.
func stamp(path string) string {
	var text strings.Builder
	for _, p := range []string{path, path + walSuffix} {
		if info, err := os.Stat(p); err == nil {
			fmt.Fprintf(&text, "%d %d;", info.Size(), info.ModTime().UnixNano())
		}
	}
	return text.String()
}

func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// verifyDatabase checks a database that nobody writes to.
func verifyDatabase(ctx context.Context, path, key string, known []Checkpoint) (Report, error) {
	lost, err := walLost(path)
	if err != nil {
		return Report{}, err
	}
	db, err := openDatabase(ctx, path, "")
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = db.db.Close() }() // a copy, about to be removed
	text, err := db.note(ctx)
	if err != nil {
		return Report{}, err
	}
	signed, unsigned := ParseCheckpoint(text, key)
	x := newExamination(signed, known)
	report, err := verifyRecords(ctx, db, x)
	switch {
	case err != nil || report.Reason != "":
	case lost:
		report = x.bad(x.tree.size, fmt.Sprintf("entries from %d on cannot be read: the write-ahead log is damaged", x.tree.size))
	case unsigned != nil:
		report = x.bad(-1, unsigned.Error())
	default:
		report = x.finish()
	}
	return report, err
}

// verifyRecords feeds every row to an examination. The report has a reason when
// a row is bad.
func verifyRecords(ctx context.Context, db *database, x *examination) (Report, error) {
	from := int64(math.MinInt64) // there must be none before 0
	var altered *int64           // first entry whose hashes are not those stored
	for {
		records, err := db.records(ctx, from)
		if err != nil {
			return Report{}, err
		}
		if len(records) == 0 {
			break
		}
		first := x.tree.size
		stored, err := db.hashes(ctx, tlog.StoredHashIndex(0, first), tlog.StoredHashCount(first+int64(len(records))))
		if err != nil {
			return Report{}, err
		}
		for _, r := range records {
			index := x.tree.size
			if r.index != index {
				return x.bad(min(index, r.index), fmt.Sprintf("entry %d is missing, the next one is %d", index, r.index)), nil
			}
			if len(r.leaf) == 0 {
				r.leaf = encodeStub(index, stored[tlog.StoredHashIndex(0, index)])
			}
			hashes, err := x.push(r.leaf)
			if err != nil {
				return x.bad(index, err.Error()), nil
			}
			if altered == nil && !equalStored(stored, tlog.StoredHashIndex(0, index), hashes) {
				altered = &index
			}
			from = r.index + 1
		}
	}
	return verifyStored(ctx, db, x, altered)
}

func equalStored(stored map[int64]tlog.Hash, at int64, hashes []tlog.Hash) bool {
	for i, hash := range hashes {
		if stored[at+int64(i)] != hash {
			return false
		}
	}
	return true
}

// verifyStored says which of the two was changed when an entry and its stored
// hashes do not fit: the signature over all entries tells.
func verifyStored(ctx context.Context, db *database, x *examination, altered *int64) (Report, error) {
	switch {
	case altered == nil:
	case x.tree.size == x.signed.Size && x.tree.root() == x.signed.Root:
		return x.bad(*altered, fmt.Sprintf("a stored hash of entry %d was changed, the entries are whole", *altered)), nil
	default:
		return x.bad(*altered, fmt.Sprintf("entry %d was changed: it does not have the hash it was stored with", *altered)), nil
	}
	_, hashes, err := db.count(ctx)
	if err != nil {
		return Report{}, err
	}
	if want := tlog.StoredHashCount(x.tree.size); hashes != want && x.signed.Size <= x.tree.size {
		return x.bad(-1, fmt.Sprintf("there are %d hashes stored for %d entries, not %d", hashes, x.tree.size, want)), nil
	}
	return Report{}, nil
}

// VerifyStream checks entries that came as JSON lines, which are the bytes that
// Log.Leaves yields, against the checkpoint that came with them, the journal's
// verifier key and checkpoints that were kept of it.
func VerifyStream(ctx context.Context, entries io.Reader, note, key string, known []Checkpoint) (Report, error) {
	signed, err := ParseCheckpoint(note, key)
	if err != nil {
		return Report{BadIndex: -1, Reason: err.Error()}, nil //nolint:nilerr // a finding, not a fault
	}
	x := newExamination(signed, known)
	lines := bufio.NewScanner(entries)
	lines.Buffer(nil, maxLeaf+1)
	for lines.Scan() {
		if err := ctx.Err(); err != nil {
			return Report{}, fmt.Errorf("verify journal: %w", context.Cause(ctx))
		}
		if x.tree.size == signed.Size {
			break // appended after the checkpoint was asked for
		}
		index := x.tree.size
		if _, err := x.push(bytes.Clone(lines.Bytes())); err != nil {
			return x.bad(index, err.Error()), nil
		}
	}
	if err := lines.Err(); err != nil {
		return Report{}, fmt.Errorf("verify journal: read entry %d: %w", x.tree.size, err)
	}
	return x.finish(), nil
}
