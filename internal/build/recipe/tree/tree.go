// Package tree turns what the instructions of one stage do to files into a
// folder on disk and, at the end, into the entries of image layers.
//
// Its invariant: no name leads out of the folder, whatever links say, and modes
// and owners are those that the instructions gave, not those of this machine:
// they are kept beside the folder, so that nobody has to be root. The package
// knows nothing of Dockerfiles, shells or Go.
package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Owner is who a file belongs to.
type Owner struct{ UID, GID int }

// Info describes a file, a folder or a symbolic link.
type Info struct {
	Owner
	Mode int64  // permission bits, with 04000, 02000 and 01000 as in chmod(1)
	Dir  bool   //
	Link string // where a symbolic link points to
	Size int64  // bytes of a file
	Step int    // that it was made in, counted from 1; 0 for what was there before
}

// node is what the disk does not say about a name.
type node struct {
	Owner
	mode int64
	step int
	link string // where a symbolic link points to: on disk it stays inside the folder
}

// Tree is the files of a stage: those that its instructions made, in a folder,
// over those of its base. Names are absolute paths of the image, "/app/main".
type Tree struct {
	dir   string
	root  *os.Root // of dir: all files on disk are reached through it
	below Below
	nodes map[string]node // by path without the leading slash
	gone  map[string]int  // names of the base that were removed, and in which step
	step  int
	whole bool
	// relinked says that a link on disk differs from the one that was made.
	relinked bool
}

// New returns the tree of an empty folder over a base. With whole, every name is
// looked up in the base too, so that Changes can be asked; without, only those
// are that are read and that nothing else answers for. The tree has to be closed.
func New(dir string, below Below, whole bool) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of a stage: %w", err)
	}
	return &Tree{dir: dir, root: root, below: below, nodes: map[string]node{}, gone: map[string]int{}, whole: whole}, nil
}

// Close lets go of the folder. What Changes returned stays readable.
func (t *Tree) Close() error { return t.root.Close() }

// Step begins the next instruction: what it changes is a layer of its own.
func (t *Tree) Step() { t.step++ }

// Now is the step that the tree is in.
func (t *Tree) Now() int { return t.step }

// Clone makes the tree of a stage that begins where another one ended, in
// another, empty folder.
func (t *Tree) Clone(dir string, whole bool) (*Tree, error) {
	c, err := New(dir, t.below, whole)
	if err != nil {
		return nil, err
	}
	c.nodes, c.gone, c.step, c.relinked = maps.Clone(t.nodes), maps.Clone(t.gone), t.step, t.relinked
	err = fs.WalkDir(t.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case e.IsDir():
			return c.root.Mkdir(name, 0o755)
		case e.Type()&fs.ModeSymlink != 0:
			target, err := t.root.Readlink(name)
			if err != nil {
				return err
			}
			return c.root.Symlink(target, name)
		}
		return link(t.host(name), c.host(name))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copy the files of a stage: %w", err), c.Close())
	}
	return c, nil
}

// Dir is the folder on disk.
func (t *Tree) Dir() string { return t.dir }

// Relinked tells whether a link on disk differs from the one in the tree, because
// that one begins at the root or leads above it. On disk no link leads out of
// the folder, so that commands of this machine see what is in the tree.
func (t *Tree) Relinked() bool { return t.relinked }

// Host returns where a name lies on disk, after its links were followed.
func (t *Tree) Host(ctx context.Context, name string) (string, error) {
	at, err := t.resolve(ctx, name, true, writing)
	return t.host(at), err
}

func (t *Tree) host(at string) string { return filepath.Join(t.dir, at) }

// intent says how much has to be known about a name.
type intent bool

const (
	writing intent = false // what is not there is made
	reading intent = true  // what is not there has to be missing for certain
)

// What is wrong with a name, beside fs.ErrNotExist and fs.ErrExist.
var (
	ErrIsFolder   = errors.New("is a folder")
	ErrNotFolder  = errors.New("is not a folder")
	ErrIntoItself = errors.New("cannot be copied into itself")
	ErrLinks      = errors.New("too many symbolic links")
	ErrRoot       = errors.New("the root stays as it is")
)

// mostLinks bounds how many links a name may lead through.
const mostLinks = 40

// resolve follows the links in a name, each seen from inside the tree, and
// returns the path without the leading slash, "" for the root. The last one is
// followed on demand. It need not exist.
func (t *Tree) resolve(ctx context.Context, name string, last bool, why intent) (string, error) {
	at, rest := "", strings.TrimPrefix(path.Clean("/"+name), "/")
	for links := 0; rest != ""; {
		part, after, more := strings.Cut(rest, "/")
		next := path.Join(at, part)
		if !more && !last {
			return next, nil
		}
		target, err := t.linkAt(ctx, next, why)
		if err != nil {
			return "", err
		}
		if target == "" {
			at, rest = next, after
			continue
		}
		if links++; links > mostLinks {
			return "", fmt.Errorf("%s: %w", name, ErrLinks)
		}
		if !path.IsAbs(target) {
			target = path.Join("/", at, target)
		}
		at, rest = "", strings.TrimPrefix(path.Join("/", target, after), "/")
	}
	return at, nil
}

// linkAt returns where the link at a place points to, "" for what is no link.
func (t *Tree) linkAt(ctx context.Context, at string, why intent) (string, error) {
	i, err := t.at(ctx, at, why)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return i.Link, err
}

// at describes what lies at a resolved place.
func (t *Tree) at(ctx context.Context, at string, why intent) (Info, error) {
	if at == "" {
		return Info{Mode: 0o755, Dir: true}, nil
	}
	onDisk, err := t.root.Lstat(at)
	if err == nil && (!onDisk.IsDir() || !t.whole || !t.plain(at)) {
		return t.describe(at, onDisk)
	}
	if err != nil && !isMissing(err) {
		return Info{}, err
	}
	if !t.isGone(at) {
		below, found, lookErr := t.below.find(ctx, at, why == reading || t.whole)
		if lookErr != nil {
			return Info{}, lookErr
		}
		if found {
			return infoOf(below), nil
		}
	}
	if err == nil {
		return t.describe(at, onDisk)
	}
	return Info{}, &fs.PathError{Op: "open", Path: "/" + at, Err: fs.ErrNotExist}
}

// plain tells whether nobody said anything about a folder on disk: it is there
// because something lies in it.
func (t *Tree) plain(at string) bool {
	_, said := t.nodes[at]
	return !said
}

func (t *Tree) describe(at string, onDisk fs.FileInfo) (Info, error) {
	i := Info{Dir: onDisk.IsDir(), Size: onDisk.Size(), Mode: 0o644, Step: t.step}
	switch mode := onDisk.Mode(); {
	case mode&fs.ModeSymlink != 0:
		i.Link, i.Mode, i.Size = t.nodes[at].link, 0o777, 0
	case i.Dir || mode&0o100 != 0:
		i.Mode = 0o755
	}
	if n, said := t.nodes[at]; said {
		i.Mode, i.Owner, i.Step = n.mode, n.Owner, n.step
	}
	return i, nil
}

// isGone tells whether a name of the base, or a folder that it is in, was
// removed.
func (t *Tree) isGone(at string) bool {
	for ; at != "." && at != ""; at = path.Dir(at) {
		if _, gone := t.gone[at]; gone {
			return true
		}
	}
	return false
}

// isMissing tells what is not there, or is behind a file, from other errors.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || strings.HasSuffix(err.Error(), "not a directory")
}
