package tree

import (
	"cmp"
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/davit-dev/davit/internal/build/layer"
)

// Changes returns what the tree has more, or less, than its base: one layer for
// each step in which something got its last form, sorted by name within a layer
// and with every folder that the base does not have. The content is read from
// the folder on disk when the layers are made.
func (t *Tree) Changes(ctx context.Context) ([][]layer.Entry, error) {
	c := changes{tree: t, steps: map[string]int{}, entries: map[string]layer.Entry{}}
	err := fs.WalkDir(t.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		return c.visit(ctx, name, e)
	})
	if err != nil {
		return nil, err
	}
	if err := c.whiteouts(ctx); err != nil {
		return nil, err
	}
	return c.layers(), nil
}

type changes struct {
	tree    *Tree
	entries map[string]layer.Entry // by path without slashes around it
	steps   map[string]int
}

func (c *changes) visit(ctx context.Context, at string, e fs.DirEntry) error {
	n, said := c.tree.nodes[at]
	if !said {
		n.step = c.tree.step
		if e.IsDir() {
			below, found, err := c.tree.below.find(ctx, at, true)
			if err != nil || found && below.IsFolder() && !c.tree.isGone(at) {
				return err
			}
		}
	}
	i, err := c.tree.at(ctx, at, writing)
	if err != nil {
		return err
	}
	c.add(at, i, n.step)
	return nil
}

func (c *changes) add(at string, i Info, step int) {
	e := layer.Entry{Name: at, Mode: i.Mode, UID: i.UID, GID: i.GID, Link: i.Link}
	switch {
	case i.Dir:
		e.Name += "/"
	case i.Link == "":
		dir := c.tree.dir
		e.Size = i.Size
		e.Open = func() (io.ReadCloser, error) { return os.OpenInRoot(dir, at) }
	}
	c.entries[at], c.steps[at] = e, step
	// A folder comes with the first layer that has something in it.
	for dir := path.Dir(at); dir != "."; dir = path.Dir(dir) {
		if before, found := c.steps[dir]; found && before > step {
			c.steps[dir] = step
		}
	}
}

// whiteouts says what of the base is gone and was not replaced.
func (c *changes) whiteouts(ctx context.Context) error {
	for _, at := range slices.Sorted(maps.Keys(c.tree.gone)) {
		if c.tree.isGone(path.Dir(at)) {
			continue // its folder speaks for it
		}
		if err := c.whiteout(ctx, at, c.tree.gone[at]); err != nil {
			return err
		}
	}
	return nil
}

func (c *changes) whiteout(ctx context.Context, at string, step int) error {
	below, found, err := c.tree.below.find(ctx, at, true)
	if err != nil || !found {
		return err
	}
	now, there := c.entries[at]
	if !there {
		gone := layer.Whiteout(at)
		c.entries[gone.Name], c.steps[gone.Name] = gone, step
		return nil
	}
	if !below.IsFolder() || !now.IsFolder() {
		return nil
	}
	inside, err := c.tree.below.children(ctx, at)
	for _, base := range inside {
		if err == nil {
			err = c.whiteout(ctx, path.Join(at, base), step)
		}
	}
	return err
}

func (c *changes) layers() [][]layer.Entry {
	byStep := map[int][]layer.Entry{}
	for at, e := range c.entries {
		byStep[c.steps[at]] = append(byStep[c.steps[at]], e)
	}
	var all [][]layer.Entry
	for _, step := range slices.Sorted(maps.Keys(byStep)) {
		entries := byStep[step]
		slices.SortFunc(entries, func(a, b layer.Entry) int { return cmp.Compare(a.Name, b.Name) })
		all = append(all, entries)
	}
	return all
}
