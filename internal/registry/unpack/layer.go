package unpack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// unpacker writes archives below a root that nothing leads out of.
type unpacker struct {
	root    *os.Root
	limits  Limits
	entries int                 // files, folders and links that may still come
	bytes   int64               // content that may still be written
	stream  int64               // decompressed bytes that may still be read
	fresh   map[string]struct{} // what this layer has brought, with the folders above it
}

// tooLarge says that a limit was reached.
func (u *unpacker) tooLarge() error {
	return fmt.Errorf("the image has more than %d bytes", u.limits.Bytes)
}

// bounded reads the decompressed layers and ends a bomb, whatever it hides in.
type bounded struct {
	from io.Reader
	u    *unpacker
}

// Read implements io.Reader.
func (b bounded) Read(p []byte) (int, error) {
	if b.u.stream <= 0 {
		return 0, b.u.tooLarge()
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.u.stream)])
	b.u.stream -= int64(n)
	return n, err
}

// layer applies one layer (OCI image-spec 1.1, layer.md).
func (u *unpacker) layer(ctx context.Context, content io.Reader) error {
	u.fresh = map[string]struct{}{}
	archive := tar.NewReader(bounded{content, u})
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := u.entry(header, archive); err != nil {
			return fmt.Errorf("entry %.200q: %w", header.Name, err)
		}
	}
}

// maxPath bounds an entry's name, as Linux does.
const maxPath = 4096

// inside returns an entry's name below the root. A leading slash means the root,
// as in the archives that ko and others make; what climbs is refused.
func inside(name string) (string, error) {
	if len(name) > maxPath || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("a path has at most %d bytes, and none is zero", maxPath)
	}
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", fmt.Errorf("%.200q leads out of the image", name)
	}
	return path.Clean(strings.TrimLeft(name, "/")), nil
}

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	name, err := inside(header.Name)
	if err != nil {
		return err
	}
	if err := u.count(); err != nil {
		return err
	}
	dir, base := path.Split(name)
	dir = path.Clean(dir)
	if base == opaque {
		return u.hideBelow(dir)
	}
	if hidden, found := strings.CutPrefix(base, whiteout); found {
		if hidden == "" || hidden == "." || hidden == ".." {
			return errors.New("it names nothing to hide")
		}
		return u.hide(path.Join(dir, hidden))
	}
	if name == "." {
		if header.Typeflag == tar.TypeDir {
			return nil // the root keeps its own mode
		}
		return errors.New("the root is a folder")
	}
	if err := u.parents(dir); err != nil {
		return err
	}
	u.fresh[name] = struct{}{}
	return u.create(name, header, content)
}

func (u *unpacker) count() error {
	if u.entries--; u.entries < 0 {
		return fmt.Errorf("the image has more than %d entries", u.limits.Entries)
	}
	return nil
}

func (u *unpacker) create(name string, header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeDir:
		return u.folder(name, folderMode(header))
	case tar.TypeReg, tar.TypeSymlink, tar.TypeLink, tar.TypeGNUSparse:
	default:
		return fmt.Errorf("it is of type %q; only files, folders and links are unpacked", header.Typeflag)
	}
	if header.Typeflag == tar.TypeLink {
		return u.link(name, header.Linkname)
	}
	if err := u.root.RemoveAll(name); err != nil {
		return err
	}
	if header.Typeflag == tar.TypeSymlink {
		return u.symlink(name, header.Linkname)
	}
	return u.file(name, header, content)
}

// parents makes the folders above an entry that the archive does not name.
func (u *unpacker) parents(dir string) error {
	if _, known := u.fresh[dir]; known || dir == "." {
		return nil
	}
	if err := u.parents(path.Dir(dir)); err != nil {
		return err
	}
	if err := u.count(); err != nil {
		return err
	}
	u.fresh[dir] = struct{}{}
	info, err := u.root.Stat(dir) // a link to a folder inside is followed
	if err == nil && info.IsDir() {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return u.folder(dir, 0o755)
}

// folder makes a folder, or takes one over from a lower layer.
func (u *unpacker) folder(name string, mode fs.FileMode) error {
	info, err := u.root.Lstat(name)
	if err == nil && !info.IsDir() {
		if err := u.root.RemoveAll(name); err != nil {
			return err
		}
	}
	if err := u.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return u.root.Chmod(name, mode)
}

// link makes a hard link to what is already there.
func (u *unpacker) link(name, to string) error {
	target, err := inside(to)
	if err != nil || target == name {
		return err
	}
	info, err := u.root.Lstat(target)
	if err != nil {
		return fmt.Errorf("link to %.200q: %w", to, err)
	}
	if info.IsDir() {
		return fmt.Errorf("link to %.200q: it is a folder", to)
	}
	if err := u.root.RemoveAll(name); err != nil {
		return err
	}
	return u.root.Link(target, name)
}

// symlink makes a symbolic link. An absolute target means the image's root, in
// which instances are confined; a relative one that climbs above it is refused.
func (u *unpacker) symlink(name, to string) error {
	if to == "" || len(to) > maxPath {
		return fmt.Errorf("a link's target has 1 to %d bytes", maxPath)
	}
	target := path.Join(path.Dir(name), to)
	if !path.IsAbs(to) && (target == ".." || strings.HasPrefix(target, "../")) {
		return fmt.Errorf("link to %.200q leads out of the image", to)
	}
	return u.root.Symlink(to, name)
}

func (u *unpacker) file(name string, header *tar.Header, content io.Reader) error {
	if u.bytes -= header.Size; u.bytes < 0 {
		return u.tooLarge()
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err == nil {
		err = f.Chmod(fileMode(header))
	}
	return errors.Join(err, f.Close())
}

// fileMode drops set-ID bits, and lets the user that the image runs as, who is
// not the owner here, read what somebody may read and run what somebody may run.
func fileMode(header *tar.Header) fs.FileMode {
	mode := header.FileInfo().Mode().Perm() | 0o444
	if mode&0o111 != 0 {
		mode |= 0o111
	}
	return mode
}

// folderMode also lets us, the owner, write and remove what is in the folder.
func folderMode(header *tar.Header) fs.FileMode {
	mode := header.FileInfo().Mode()
	return mode.Perm() | 0o755 | mode&fs.ModeSticky
}

// hide removes what lower layers brought under a name. What this layer brought
// stays, whichever came first in the archive.
func (u *unpacker) hide(name string) error {
	if _, kept := u.fresh[name]; !kept {
		return u.root.RemoveAll(name)
	}
	info, err := u.root.Lstat(name)
	if err != nil || !info.IsDir() {
		return err
	}
	return u.hideBelow(name)
}

// hideBelow hides what is in a folder.
func (u *unpacker) hideBelow(dir string) error {
	f, err := u.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, name := range names {
		if err := u.hide(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
