package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/audit"
	"github.com/davit-dev/davit/internal/backup"
	"github.com/davit-dev/davit/internal/registry"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// backupPrefix begins the names of folders in which a backup is being prepared.
const backupPrefix = "backup-"

// BackupReport is what is in an archive.
type BackupReport struct {
	File    string    `json:"file"`
	Made    time.Time `json:"made"`
	Davit   string    `json:"davit"`   // version that made it
	Entries int64     `json:"entries"` // of the journal
	Root    string    `json:"root"`    // of the journal's tree, base64
	Blobs   int       `json:"blobs"`
	Bytes   int64     `json:"bytes"`   // of all members, not compressed
	Keys    bool      `json:"keys"`    // the secrets of the data folder are in it
	Missing []string  `json:"missing"` // digests that the registry's index names and that were damaged or gone
}

// Backup writes what must not be lost of a data folder into a file: the journal,
// the registry's index and what its manifests name, and unless keys is false the
// secrets. It asks the running server, or reads the folder when none runs. The
// file is there as a whole and was read back, or it is not there.
func Backup(ctx context.Context, data, file string, keys bool) (BackupReport, error) {
	paths, err := NewPaths(data)
	if err != nil {
		return BackupReport{}, err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return BackupReport{}, fmt.Errorf("write backup: %w", err)
	}
	defer os.Remove(temp.Name()) // it has another name by then
	err = fetchBackup(ctx, paths, temp, keys)
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return BackupReport{}, fmt.Errorf("write backup: %w", err)
	}
	report, err := VerifyBackup(ctx, temp.Name(), data)
	if err != nil {
		return BackupReport{}, fmt.Errorf("read back what was written: %w", err)
	}
	if err := os.Rename(temp.Name(), file); err != nil {
		return BackupReport{}, fmt.Errorf("write backup: %w", err)
	}
	report.File = file
	return report.BackupReport, atomicfile.SyncDir(filepath.Dir(file))
}

// fetchBackup gets an archive from the server, or makes one without it.
func fetchBackup(ctx context.Context, paths Paths, w io.Writer, keys bool) error {
	stream, err := api.NewClient(paths.API()).Backup(ctx, keys)
	if errors.Is(err, api.ErrNotRunning) {
		return backupAtRest(ctx, paths, w, keys)
	}
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = io.Copy(w, stream)
	return err
}

// backupAtRest makes an archive of a data folder that nobody serves from.
func backupAtRest(ctx context.Context, paths Paths, w io.Writer, keys bool) (err error) {
	if _, err := os.Stat(paths.Registry()); err != nil {
		return fmt.Errorf("find what to back up: %w", err)
	}
	held, err := lock(paths.Lock())
	if err != nil {
		return err
	}
	defer held.Close()
	log, err := audit.Open(ctx, paths.Data, audit.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	images, err := registry.Open(paths.Registry(), registry.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, images.Close()) }()
	return (&archivist{paths: paths, log: log, images: images}).write(ctx, w, keys)
}

// Backup implements api.Keeper.
func (d *desk) Backup(ctx context.Context, w io.Writer, keys bool, actor string) error {
	p := d.platform
	if !p.archiving.TryLock() {
		return &release.RefusalError{Code: release.CodeUnderWay, Message: "another backup is under way"}
	}
	defer p.archiving.Unlock()
	if err := p.journal.note(ctx, "backup", actor, map[string]bool{"keys": keys}); err != nil {
		return err
	}
	return (&archivist{paths: p.paths, log: p.journal.log, images: p.images}).write(ctx, w, keys)
}

// archivist makes archives. Only one of a data folder may be at work.
type archivist struct {
	paths  Paths
	log    *audit.Log
	images *registry.Store
}

// write copies the journal, then the registry's index, so that what the journal
// names was pushed before the index was copied, and streams them with the rest.
func (a *archivist) write(ctx context.Context, w io.Writer, keys bool) (err error) {
	dir, err := a.makeFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	head, err := a.log.Snapshot(ctx, filepath.Join(dir, backup.JournalName))
	if err != nil {
		return err
	}
	index := filepath.Join(dir, filepath.Base(backup.IndexName))
	whole, missing, err := a.images.Snapshot(ctx, index)
	if err != nil {
		return err
	}
	files := map[string]string{backup.JournalName: filepath.Join(dir, backup.JournalName), backup.IndexName: index}
	m := backup.Manifest{
		Format: backup.Format, Made: time.Now().UTC().Truncate(time.Second), Davit: Version(),
		Checkpoint: head.Note, Key: head.Key, Missing: append([]string{}, missing...),
	}
	if err := a.hold(dir, files); err != nil {
		return err
	}
	if err := a.files(&m, files, keys); err != nil {
		return err
	}
	if err := a.contents(&m, whole); err != nil {
		return err
	}
	return backup.Write(ctx, w, m, func(member backup.Member) (io.ReadCloser, error) {
		if digest, ok := backup.BlobDigest(member.Name); ok {
			content, _, err := a.images.Content(digest)
			return content, err
		}
		return os.Open(files[member.Name])
	})
}

// makeFolder makes a place for copies, and removes those that a crash left.
func (a *archivist) makeFolder() (string, error) {
	left, err := filepath.Glob(filepath.Join(a.paths.Data, backupPrefix+"*"))
	if err != nil {
		return "", fmt.Errorf("prepare backup: %w", err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return "", fmt.Errorf("prepare backup: %w", err)
		}
	}
	return os.MkdirTemp(a.paths.Data, backupPrefix)
}

// madeLater are the files that are made when they are needed first.
func madeLater() []string {
	return []string{backup.PasswordName, backup.EdgeKeyName, backup.SecretsName, backup.OpenerName, backup.CertName, backup.CertKeyName}
}

// hold copies what may be replaced while the archive is written.
func (a *archivist) hold(dir string, files map[string]string) error {
	names, err := a.certificates()
	if err != nil {
		return fmt.Errorf("prepare backup: %w", err)
	}
	for _, name := range append(names, backup.SecretsName) {
		data, err := os.ReadFile(filepath.Join(a.paths.Data, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		held := filepath.Join(dir, name)
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(held), 0o700), os.WriteFile(held, data, 0o600))
		}
		if err != nil {
			return fmt.Errorf("prepare backup: %w", err)
		}
		files[name] = held
	}
	return nil
}

// certificates returns the names of the files of CAs and certificates, without the
// locks of who is at work there.
func (a *archivist) certificates() ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(a.paths.Data), backup.CertificatesFolder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "locks":
			return fs.SkipDir
		case entry.Type().IsRegular() && backup.IsCertificate(name):
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// files adds the journal, the index and the keys to a manifest.
func (a *archivist) files(m *backup.Manifest, files map[string]string, keys bool) error {
	names := []string{backup.JournalName, backup.PublicName, backup.IndexName}
	if keys {
		names = append(names, backup.KeyName, backup.PasswordName, backup.EdgeKeyName, backup.OpenerName, backup.SecretsName,
			backup.CertName, backup.CertKeyName)
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if backup.IsCertificate(name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		if files[name] == "" {
			files[name] = filepath.Join(a.paths.Data, name)
		}
		member, err := sumFile(name, files[name])
		if errors.Is(err, os.ErrNotExist) && slices.Contains(madeLater(), name) {
			continue
		}
		if err != nil {
			return fmt.Errorf("prepare backup: %w", err)
		}
		m.Members = append(m.Members, member)
	}
	return nil
}

// contents adds what the registry has to a manifest.
func (a *archivist) contents(m *backup.Manifest, whole []registry.Content) error {
	for _, c := range whole {
		member := backup.Member{Name: backup.BlobName(c.Digest), Size: c.Size}
		if sum, ok := strings.CutPrefix(c.Digest, "sha256:"); ok {
			member.SHA256 = sum
		} else {
			content, _, err := a.images.Content(c.Digest)
			if err != nil {
				return err
			}
			if member, err = sumContent(member.Name, content); err != nil {
				return err
			}
		}
		m.Members = append(m.Members, member)
	}
	return nil
}

func sumFile(name, path string) (backup.Member, error) {
	f, err := os.Open(path)
	if err != nil {
		return backup.Member{}, err
	}
	return sumContent(name, f)
}

// sumContent reads content to its end and closes it.
func sumContent(name string, content io.ReadCloser) (backup.Member, error) {
	defer content.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, content)
	return backup.Member{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}
