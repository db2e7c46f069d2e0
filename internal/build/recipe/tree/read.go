package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
)

// Stat describes what a name leads to. What is not there is an error that wraps
// fs.ErrNotExist.
func (t *Tree) Stat(ctx context.Context, name string) (Info, error) {
	at, err := t.resolve(ctx, name, true, reading)
	if err != nil {
		return Info{}, err
	}
	return t.at(ctx, at, reading)
}

// Lstat is Stat that does not follow the last link.
func (t *Tree) Lstat(ctx context.Context, name string) (Info, error) {
	at, err := t.resolve(ctx, name, false, reading)
	if err != nil {
		return Info{}, err
	}
	return t.at(ctx, at, reading)
}

// IsDir tells whether a name is that of a folder, for somebody who is going to
// write there: a folder that only the base image could have does not count when
// the base is not looked at.
func (t *Tree) IsDir(ctx context.Context, name string) (bool, error) {
	at, err := t.resolve(ctx, name, true, writing)
	if err != nil {
		return false, err
	}
	i, err := t.at(ctx, at, writing)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return i.Dir, err
}

// Open opens the content of a file.
func (t *Tree) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	at, err := t.resolve(ctx, name, true, reading)
	if err != nil {
		return nil, err
	}
	i, err := t.at(ctx, at, reading)
	if err != nil {
		return nil, err
	}
	if i.Dir {
		return nil, fmt.Errorf("%s: %w", name, ErrIsFolder)
	}
	if onDisk, err := t.root.Lstat(at); err == nil && onDisk.Mode().IsRegular() {
		return t.root.Open(at)
	}
	below, _, err := t.below.find(ctx, at, true)
	if err == nil && below.Open == nil {
		err = errNoContent
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return below.Open()
}

// ReadFile returns the content of a file.
func (t *Tree) ReadFile(ctx context.Context, name string) ([]byte, error) {
	r, err := t.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// ReadDir returns the names in a folder, sorted.
func (t *Tree) ReadDir(ctx context.Context, name string) ([]string, error) {
	at, err := t.resolve(ctx, name, true, reading)
	if err != nil {
		return nil, err
	}
	i, err := t.at(ctx, at, reading)
	if err != nil {
		return nil, err
	}
	if !i.Dir {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFolder)
	}
	return t.list(ctx, at)
}

func (t *Tree) list(ctx context.Context, at string) ([]string, error) {
	names, err := t.onDisk(at)
	if err != nil && !isMissing(err) {
		return nil, err
	}
	if !t.isGone(at) {
		below, err := t.below.children(ctx, at)
		if err != nil {
			return nil, err
		}
		for _, base := range below {
			if !t.isGone(path.Join(at, base)) {
				names = append(names, base)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (t *Tree) onDisk(at string) ([]string, error) {
	dir, err := t.root.Open(path.Join(".", at))
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	return names, errors.Join(err, dir.Close())
}

// Walk visits a name and, when it is a folder, all in it, a folder before what
// is in it and names in their order. Links are not followed, except for the
// name itself.
func (t *Tree) Walk(ctx context.Context, name string, visit func(name string, i Info) error) error {
	at, err := t.resolve(ctx, name, true, reading)
	if err != nil {
		return err
	}
	return t.walk(ctx, at, visit)
}

func (t *Tree) walk(ctx context.Context, at string, visit func(string, Info) error) error {
	i, err := t.at(ctx, at, reading)
	if err != nil {
		return err
	}
	if err := visit("/"+at, i); err != nil || !i.Dir {
		return err
	}
	names, err := t.list(ctx, at)
	if err != nil {
		return err
	}
	for _, base := range names {
		if err := t.walk(ctx, path.Join(at, base), visit); err != nil {
			return err
		}
	}
	return ctx.Err()
}
