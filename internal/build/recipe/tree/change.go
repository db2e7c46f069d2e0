package tree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Chmod gives a file or folder another mode. change gets the old one.
func (t *Tree) Chmod(ctx context.Context, name string, change func(Info) int64) error {
	at, i, err := t.own(ctx, name, true)
	if err != nil {
		return err
	}
	if i.Link == "" {
		t.note(at, change(i), i.Owner)
	}
	return nil
}

// Chown gives a file, folder or link another owner. change gets the old one.
func (t *Tree) Chown(ctx context.Context, name string, change func(Owner) Owner) error {
	at, i, err := t.own(ctx, name, false)
	if err != nil {
		return err
	}
	t.note(at, i.Mode, change(i.Owner))
	return nil
}

// own brings something of the base up into the tree, so that it can change.
func (t *Tree) own(ctx context.Context, name string, follow bool) (string, Info, error) {
	at, err := t.resolve(ctx, name, follow, reading)
	if err != nil {
		return "", Info{}, err
	}
	i, err := t.at(ctx, at, reading)
	if err != nil {
		return "", Info{}, err
	}
	if at == "" {
		return "", Info{}, fmt.Errorf("/: %w", ErrRoot)
	}
	if _, err := t.root.Lstat(at); err == nil {
		return at, i, nil
	}
	return at, i, t.bringUp(ctx, at, i)
}

func (t *Tree) bringUp(ctx context.Context, at string, i Info) error {
	if err := t.onDiskFolder(strings.TrimPrefix(path.Dir(at), ".")); err != nil {
		return err
	}
	switch {
	case i.Dir:
		return t.root.Mkdir(at, 0o755)
	case i.Link != "":
		return t.putLink(at, i)
	}
	content, err := t.Open(ctx, "/"+at)
	if err != nil {
		return err
	}
	err = t.Put(ctx, "/"+at, content, i)
	return errors.Join(err, content.Close())
}

// Source is where files are copied from: another tree, or the build context.
type Source interface {
	// Walk visits a name and all in it, a folder before what is in it.
	Walk(ctx context.Context, name string, visit func(name string, i Info) error) error
	// CopyFile puts a file into a tree, with the mode and owner that are given.
	CopyFile(ctx context.Context, name string, to *Tree, target string, as Info) error
}

// Copy copies a file, folder or link, with all in it, to a name of the tree.
// Files replace files, and folders are merged. as may change modes and owners.
func (t *Tree) Copy(ctx context.Context, from Source, source, target string, as func(Info) Info) error {
	if from == Source(t) {
		if err := t.outside(ctx, source, target); err != nil {
			return err
		}
	}
	top := ""
	return from.Walk(ctx, source, func(name string, i Info) error {
		if top == "" {
			top = name
		}
		at := path.Join(target, name[len(top):])
		i = as(i)
		switch {
		case i.Dir:
			return t.mergeDir(ctx, at, i)
		case i.Link != "":
			return t.replaceLink(ctx, at, i)
		}
		return from.CopyFile(ctx, name, t, at, i)
	})
}

// outside refuses a copy of something to itself or to a place in it.
func (t *Tree) outside(ctx context.Context, source, target string) error {
	from, err := t.resolve(ctx, source, true, reading)
	if err != nil {
		return err
	}
	to, err := t.resolve(ctx, target, true, writing)
	if err == nil && (from == "" || strings.HasPrefix(to+"/", from+"/")) {
		err = fmt.Errorf("%s: %w", source, ErrIntoItself)
	}
	return err
}

func (t *Tree) mergeDir(ctx context.Context, at string, i Info) error {
	if is, err := t.IsDir(ctx, at); err != nil || is {
		return err
	}
	return t.MkdirAll(ctx, at, i.Mode, i.Owner)
}

func (t *Tree) replaceLink(ctx context.Context, at string, i Info) error {
	err := t.Symlink(ctx, at, i.Link, i.Owner)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if is, err := t.IsDir(ctx, at); err != nil || is {
		return cmp.Or(err, fmt.Errorf("%s: %w", at, ErrIsFolder))
	}
	if err := t.Remove(ctx, at); err != nil {
		return err
	}
	return t.Symlink(ctx, at, i.Link, i.Owner)
}

// CopyFile implements Source. The two trees share the content where they can.
func (t *Tree) CopyFile(ctx context.Context, name string, to *Tree, target string, as Info) error {
	if onDisk, err := t.root.Lstat(strings.TrimPrefix(name, "/")); err == nil && onDisk.Mode().IsRegular() {
		return to.PutLinked(ctx, target, t.host(name), as)
	}
	content, err := t.Open(ctx, name)
	if err != nil {
		return err
	}
	err = to.Put(ctx, target, content, as)
	return errors.Join(err, content.Close())
}

// Rename moves a file, folder or link to another name, in the place of a file
// that may be there.
func (t *Tree) Rename(ctx context.Context, from, to string) error {
	at, err := t.resolve(ctx, from, false, reading)
	if err != nil {
		return err
	}
	i, err := t.at(ctx, at, reading)
	if err != nil {
		return err
	}
	if path.Join("/", to) == "/"+at {
		return nil
	}
	if i.Link != "" {
		err = t.replaceLink(ctx, to, i)
	} else {
		err = t.Copy(ctx, t, "/"+at, to, func(i Info) Info { return i })
	}
	if err != nil {
		return err
	}
	return t.Remove(ctx, "/"+at)
}
