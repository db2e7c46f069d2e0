package recipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
	"github.com/davit-dev/davit/internal/check/ignore"
)

// buildContext is the folder that COPY takes files from, without what
// .dockerignore leaves out. Names are absolute, as seen from the folder. Files
// belong to root and have one of the two modes that git knows, whatever umask
// they were checked out with.
type buildContext struct {
	root *os.Root // nothing leads out of it
	list *ignore.List
}

// openContext opens a folder. The list beside the Dockerfile, NAME.dockerignore,
// counts instead of the one in the folder.
func openContext(dir, dockerfile string) (*buildContext, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the build context: %w", err)
	}
	c := &buildContext{root: root, list: &ignore.List{}}
	name := dockerfile + ".dockerignore"
	data, err := os.ReadFile(name)
	if dockerfile == "" || errors.Is(err, fs.ErrNotExist) {
		name = ".dockerignore"
		data, err = root.ReadFile(name)
	}
	if err == nil {
		c.list, err = ignore.Parse(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), root.Close())
	}
	return c, nil
}

// inside returns a name relative to the folder.
func inside(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

// hidden tells whether .dockerignore leaves a name out.
func (c *buildContext) hidden(name string) bool {
	excluded, _ := c.excluded(inside(name))
	return excluded
}

func (c *buildContext) excluded(name string) (bool, ignore.Folder) {
	var in ignore.Folder
	excluded := false
	if name == "." {
		return false, in
	}
	for i := range len(name) + 1 {
		if i == len(name) || name[i] == '/' {
			excluded, in = c.list.Excluded(name[:i], in)
		}
	}
	return excluded, in
}

// Stat describes what a name leads to.
func (c *buildContext) Stat(_ context.Context, name string) (tree.Info, error) {
	at := inside(name)
	info, err := c.root.Stat(at)
	if err != nil {
		return tree.Info{}, err
	}
	open := info.IsDir() && c.list.Exceptions() // something in it may count
	if c.hidden(name) && !open {
		return tree.Info{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return c.describe(at, info)
}

func (c *buildContext) describe(at string, info fs.FileInfo) (tree.Info, error) {
	i := tree.Info{Dir: info.IsDir(), Mode: 0o644, Size: info.Size()}
	switch mode := info.Mode(); {
	case i.Dir:
		i.Mode, i.Size = 0o755, 0
	case mode&fs.ModeSymlink != 0:
		link, err := c.root.Readlink(at)
		i.Link, i.Mode, i.Size = link, 0o777, 0
		return i, err
	case !mode.IsRegular():
		return i, fmt.Errorf("%s: is neither a file, a folder nor a link", at)
	case mode&0o100 != 0:
		i.Mode = 0o755
	}
	return i, nil
}

// ReadDir returns the names in a folder that are not left out, sorted.
func (c *buildContext) ReadDir(_ context.Context, name string) ([]string, error) {
	names, err := c.read(inside(name))
	return slices.DeleteFunc(names, func(base string) bool { return c.hidden(path.Join(name, base)) }), err
}

func (c *buildContext) read(at string) ([]string, error) {
	dir, err := c.root.Open(at)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, dir.Close())
}

// Open opens a file.
func (c *buildContext) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return c.root.Open(inside(name))
}

// Walk visits what is not left out. The name itself may be a link, which is
// followed.
func (c *buildContext) Walk(ctx context.Context, name string, visit func(string, tree.Info) error) error {
	at := inside(name)
	info, err := c.root.Stat(at)
	if err != nil {
		return err
	}
	excluded, in := c.excluded(at)
	w := walk{context: c, visit: visit}
	return w.enter(ctx, at, info, excluded, in)
}

// walk visits the context. Folders that are left out are visited when there is
// something in them that is not.
type walk struct {
	context *buildContext
	visit   func(string, tree.Info) error
	late    []string // folders around this one that were not visited yet
}

func (w *walk) enter(ctx context.Context, at string, info fs.FileInfo, excluded bool, in ignore.Folder) error {
	open := info.IsDir() && w.context.list.Exceptions() // something in it may count
	if excluded && !open {
		return ctx.Err()
	}
	if excluded {
		w.late = append(w.late, at)
	} else if err := w.show(at, info); err != nil {
		return err
	}
	if info.IsDir() {
		if err := w.children(ctx, at, in); err != nil {
			return err
		}
	}
	if excluded && len(w.late) > 0 {
		w.late = w.late[:len(w.late)-1]
	}
	return ctx.Err()
}

func (w *walk) show(at string, info fs.FileInfo) error {
	late := w.late
	w.late = nil
	for _, dir := range late {
		if err := w.visit(path.Join("/", dir), tree.Info{Dir: true, Mode: 0o755}); err != nil {
			return err
		}
	}
	i, err := w.context.describe(at, info)
	if err != nil {
		return err
	}
	return w.visit(path.Join("/", at), i)
}

func (w *walk) children(ctx context.Context, at string, in ignore.Folder) error {
	names, err := w.context.read(at)
	if err != nil {
		return err
	}
	for _, base := range names {
		child := path.Join(at, base)
		info, err := w.context.root.Lstat(child)
		if err != nil {
			return err
		}
		excluded, here := w.context.list.Excluded(child, in)
		if err := w.enter(ctx, child, info, excluded, here); err != nil {
			return err
		}
	}
	return nil
}

// CopyFile copies a file into a tree. It is never shared: the go command may
// write into what it finds in the tree.
func (c *buildContext) CopyFile(ctx context.Context, name string, to *tree.Tree, target string, as tree.Info) error {
	file, err := c.root.Open(inside(name))
	if err != nil {
		return err
	}
	err = to.Put(ctx, target, file, as)
	return errors.Join(err, file.Close())
}
