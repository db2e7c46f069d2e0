package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/audit"
	"github.com/davit-dev/davit/internal/backup"
	"github.com/davit-dev/davit/internal/registry"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// RestoreReport is what came of reading an archive.
type RestoreReport struct {
	BackupReport

	Data string `json:"data,omitempty"` // folder that was restored; "" when the archive was only read

	// Seen is the checkpoint that this user has kept of the data folder and that
	// the journal in the archive contradicts: it is an older copy, or another one.
	Seen   *audit.Checkpoint `json:"seen,omitempty"`
	Reason string            `json:"reason,omitempty"` // why it does, for people
}

// VerifyBackup reads an archive as a whole: every sum, the journal and its
// checkpoint, and that all is there that the registry's index names. It leaves
// nothing behind. The journal is held against the checkpoints that this user has
// kept of the data folder.
func VerifyBackup(ctx context.Context, file, data string) (_ RestoreReport, err error) {
	paths, err := NewPaths(data)
	if err != nil {
		return RestoreReport{}, err
	}
	dir, err := os.MkdirTemp("", "davit-verify-")
	if err != nil {
		return RestoreReport{}, fmt.Errorf("verify backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := &restorer{dir: dir, paths: paths, wanted: func(name string) bool {
		return name == backup.JournalName || name == backup.PublicName || name == backup.IndexName
	}}
	return r.read(ctx, file)
}

// Restore makes a data folder of an archive. The folder must not be there, or be
// empty; it comes into being as a whole, checked, or not at all.
func Restore(ctx context.Context, file, data string) (_ RestoreReport, err error) {
	paths, err := NewPaths(data)
	if err != nil {
		return RestoreReport{}, err
	}
	if entries, err := os.ReadDir(paths.Data); len(entries) > 0 || (err != nil && !errors.Is(err, fs.ErrNotExist)) {
		return RestoreReport{}, errors.Join(fmt.Errorf("%s is not an empty folder: nothing is restored over it", paths.Data), err)
	}
	parent := filepath.Dir(paths.Data)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return RestoreReport{}, fmt.Errorf("restore: %w", err)
	}
	dir, err := os.MkdirTemp(parent, "."+filepath.Base(paths.Data)+".restore-")
	if err != nil {
		return RestoreReport{}, fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // it has another name when all went well
	r := &restorer{dir: dir, paths: paths, wanted: func(string) bool { return true }}
	report, err := r.read(ctx, file)
	if err != nil {
		return report, err
	}
	if err := r.settle(ctx, report); err != nil {
		return report, fmt.Errorf("restore: %w", err)
	}
	report.Data = paths.Data
	return report, nil
}

// restorer takes an archive apart into a folder.
type restorer struct {
	dir    string
	paths  Paths
	wanted func(name string) bool // which members are written
}

func (r *restorer) read(ctx context.Context, file string) (RestoreReport, error) {
	f, err := os.Open(file)
	if err != nil {
		return RestoreReport{}, fmt.Errorf("open backup: %w", err)
	}
	defer f.Close()
	archive, err := backup.NewReader(f)
	if err != nil {
		return RestoreReport{}, err
	}
	m := archive.Manifest
	report := RestoreReport{BackupReport: BackupReport{
		File: file, Made: m.Made, Davit: m.Davit, Blobs: m.Blobs(), Bytes: m.Size(), Keys: m.Has(backup.KeyName), Missing: m.Missing,
	}}
	if err := r.room(m); err != nil {
		return report, err
	}
	if err := r.unpack(ctx, archive); err != nil {
		return report, err
	}
	if err := r.verifyJournal(ctx, m, &report); err != nil {
		return report, err
	}
	return report, r.verifyIndex(ctx, m)
}

// room wants the disk to have space for what will be written.
func (r *restorer) room(m backup.Manifest) error {
	var needed int64
	for _, member := range m.Members {
		if r.wanted(member.Name) {
			needed += member.Size
		}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(r.dir, &disk); err != nil {
		return fmt.Errorf("look for space: %w", err)
	}
	if free := int64(disk.Bavail) * disk.Bsize; needed > free {
		return fmt.Errorf("the backup needs %d bytes, the disk of %s has %d", needed, r.dir, free)
	}
	return nil
}

func (r *restorer) unpack(ctx context.Context, archive *backup.Reader) error {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer root.Close()
	return archive.Members(ctx, func(member backup.Member, content io.Reader) error {
		if !r.wanted(member.Name) {
			return nil
		}
		if err := root.MkdirAll(path.Dir(member.Name), 0o700); err != nil {
			return err
		}
		f, err := root.OpenFile(member.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		if err == nil {
			err = f.Sync()
		}
		return errors.Join(err, f.Close())
	})
}

// verifyJournal holds the journal against the archive's checkpoint, which it
// must be, and against those that this user has kept, which it may contradict
// when it is an older copy.
func (r *restorer) verifyJournal(ctx context.Context, m backup.Manifest, report *RestoreReport) error {
	bad := func(err error) error { return &backup.MemberError{Name: backup.JournalName, Err: err} }
	signed, err := audit.ParseCheckpoint(m.Checkpoint, m.Key)
	if err != nil {
		return &backup.MemberError{Name: backup.ManifestName, Err: err}
	}
	found, err := audit.VerifyFile(ctx, r.dir, []audit.Checkpoint{signed})
	if err != nil {
		return err
	}
	if !found.OK {
		return bad(errors.New(found.Reason))
	}
	if found.Size != signed.Size {
		return bad(fmt.Errorf("it has %d entries, the checkpoint of the backup says %d", found.Size, signed.Size))
	}
	report.Entries, report.Root = found.Size, found.Root.String()
	keeper, err := openKeeper()
	if err != nil {
		return err
	}
	known, err := keeper.Known(r.paths.Data)
	if err != nil || len(known) == 0 {
		return err
	}
	if found, err = audit.VerifyFile(ctx, r.dir, known); err == nil && !found.OK {
		report.Seen, report.Reason = found.Contradicted, found.Reason
	}
	return err
}

// verifyIndex wants everything to be there that the index names.
func (r *restorer) verifyIndex(ctx context.Context, m backup.Manifest) error {
	named, err := registry.Named(ctx, filepath.Join(r.dir, backup.IndexName))
	if err != nil {
		return &backup.MemberError{Name: backup.IndexName, Err: err}
	}
	there := map[string]bool{}
	for _, member := range m.Members {
		there[member.Name] = true
	}
	for _, digest := range named {
		if name := backup.BlobName(digest); !there[name] && !slices.Contains(m.Missing, digest) {
			return &backup.MemberError{Name: name, Err: errors.New("the registry's index names it, and it is missing")}
		}
	}
	return nil
}

// settle writes into the journal what happened, where its key is there, makes
// everything durable, and gives the folder its name.
func (r *restorer) settle(ctx context.Context, report RestoreReport) error {
	if report.Keys {
		log, err := audit.Open(ctx, r.dir, audit.Options{})
		if err != nil {
			return err
		}
		err = journal{log}.note(ctx, "restored", "davit", map[string]any{"made": report.Made, "entries": report.Entries})
		if err := errors.Join(err, log.Close()); err != nil {
			return err
		}
	}
	err := filepath.WalkDir(r.dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = atomicfile.SyncDir(name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := os.Rename(r.dir, r.paths.Data); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(r.paths.Data))
}
