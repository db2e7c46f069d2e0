package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// note keeps what the disk does not say.
func (t *Tree) note(at string, mode int64, owner Owner) {
	t.nodes[at] = node{Owner: owner, mode: mode & 0o7777, step: t.step, link: t.nodes[at].link}
}

// place resolves a name that is about to be written and makes room for it: the
// folder on disk that it goes into, and nothing in its place.
func (t *Tree) place(ctx context.Context, name string) (string, error) {
	at, err := t.resolve(ctx, name, true, writing)
	if err != nil {
		return "", err
	}
	if at == "" {
		return "", fmt.Errorf("/: %w", ErrIsFolder)
	}
	if i, err := t.at(ctx, at, writing); err == nil && i.Dir {
		return "", fmt.Errorf("/%s: %w", at, ErrIsFolder)
	}
	if err := t.parent(ctx, at); err != nil {
		return "", err
	}
	return at, ignoreMissing(t.root.Remove(at))
}

// parent makes the folder on disk that a resolved name lies in. It must be in
// the tree.
func (t *Tree) parent(ctx context.Context, at string) error {
	dir := strings.TrimPrefix(path.Dir(at), ".")
	i, err := t.at(ctx, dir, writing)
	if errors.Is(err, fs.ErrNotExist) && !t.whole && t.below.mayHold(dir) {
		return t.onDiskFolder(dir)
	}
	if err != nil {
		return err
	}
	if !i.Dir {
		return fmt.Errorf("/%s: %w", dir, ErrNotFolder)
	}
	return t.onDiskFolder(dir)
}

// onDiskFolder makes a folder on disk, with those that it is in.
func (t *Tree) onDiskFolder(at string) error {
	if at == "" {
		return nil
	}
	return t.root.MkdirAll(at, 0o755)
}

// mayHold tells whether the image may have a name that is not a seed.
func (b Below) mayHold(at string) bool { return b.Image != nil && (b.Holds == nil || b.Holds(at)) }

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Mkdir makes a folder.
func (t *Tree) Mkdir(ctx context.Context, name string, mode int64, owner Owner) error {
	at, err := t.resolve(ctx, name, true, writing)
	if err != nil {
		return err
	}
	if _, err := t.at(ctx, at, writing); err == nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	if err := t.parent(ctx, at); err != nil {
		return err
	}
	if err := t.onDiskFolder(at); err != nil {
		return err
	}
	t.note(at, mode, owner)
	return nil
}

// MkdirAll makes a folder and those that it is in, as far as they are not there.
func (t *Tree) MkdirAll(ctx context.Context, name string, mode int64, owner Owner) error {
	at, err := t.resolve(ctx, name, true, writing)
	if err != nil || at == "" {
		return err
	}
	i, err := t.at(ctx, at, writing)
	switch {
	case err == nil && i.Dir:
		return t.onDiskFolder(at)
	case err == nil:
		return fmt.Errorf("/%s: %w", at, ErrNotFolder)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := t.MkdirAll(ctx, "/"+strings.TrimPrefix(path.Dir(at), "."), mode, owner); err != nil {
		return err
	}
	return t.Mkdir(ctx, "/"+at, mode, owner)
}

// Write puts a file in place. A file that was there keeps its mode and owner, as
// with a redirection of the shell.
func (t *Tree) Write(ctx context.Context, name string, data []byte, owner Owner) error {
	mode := int64(0o644)
	if i, err := t.Stat(ctx, name); err == nil {
		mode, owner = i.Mode, i.Owner
	} else if !errors.Is(err, fs.ErrNotExist) && t.whole {
		return err
	}
	return t.Put(ctx, name, strings.NewReader(string(data)), Info{Mode: mode, Owner: owner})
}

// Put puts a file in place with the content, mode and owner that are given.
func (t *Tree) Put(ctx context.Context, name string, content io.Reader, as Info) error {
	at, err := t.place(ctx, name)
	if err != nil {
		return err
	}
	f, err := t.root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, onDiskMode(as.Mode))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	t.note(at, as.Mode, as.Owner)
	return errors.Join(err, f.Close())
}

// onDiskMode is a mode that lets this user read and write, and go see what is a
// program.
func onDiskMode(mode int64) fs.FileMode {
	if mode&0o111 != 0 {
		return 0o755
	}
	return 0o644
}

// PutLinked is Put of a file on the same disk that nobody writes into: the two
// share their content where that is possible.
func (t *Tree) PutLinked(ctx context.Context, name, from string, as Info) error {
	at, err := t.place(ctx, name)
	if err != nil {
		return err
	}
	t.note(at, as.Mode, as.Owner)
	return link(from, t.host(at))
}

// link makes a second name for a file, or a copy. What the go command writes
// into, rather than replace it, is always copied.
func link(from, to string) error {
	base := filepath.Base(from)
	if !strings.HasPrefix(base, "go.") && os.Link(from, to) == nil {
		return nil
	}
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Symlink puts a symbolic link in place.
func (t *Tree) Symlink(ctx context.Context, name, target string, owner Owner) error {
	at, err := t.resolve(ctx, name, false, writing)
	if err != nil {
		return err
	}
	if _, err := t.at(ctx, at, writing); err == nil {
		return &fs.PathError{Op: "symlink", Path: name, Err: fs.ErrExist}
	}
	if err := t.parent(ctx, at); err != nil {
		return err
	}
	return t.putLink(at, Info{Link: target, Owner: owner})
}

// putLink makes a symbolic link at a resolved place.
func (t *Tree) putLink(at string, i Info) error {
	onDisk := i.Link
	if path.IsAbs(i.Link) || leadsAbove(path.Join(path.Dir(at), i.Link)) {
		inside := path.Clean(i.Link)
		if !path.IsAbs(inside) {
			inside = path.Join("/", path.Dir(at), inside)
		}
		onDisk, t.relinked = path.Join(strings.Repeat("../", strings.Count(at, "/")), ".", inside), true
	}
	t.nodes[at] = node{Owner: i.Owner, mode: 0o777, step: t.step, link: i.Link}
	return t.root.Symlink(onDisk, at)
}

func leadsAbove(name string) bool { return name == ".." || strings.HasPrefix(name, "../") }

// Remove takes a name away, and what is in it. It need not be there.
func (t *Tree) Remove(ctx context.Context, name string) error {
	at, err := t.resolve(ctx, name, false, writing)
	if err != nil {
		return err
	}
	if at == "" {
		return fmt.Errorf("/: %w", ErrRoot)
	}
	if err := t.root.RemoveAll(at); err != nil && !isMissing(err) {
		return err
	}
	for other := range t.nodes {
		if other == at || strings.HasPrefix(other, at+"/") {
			delete(t.nodes, other)
		}
	}
	if !t.isGone(at) {
		t.gone[at] = t.step
	}
	return nil
}
