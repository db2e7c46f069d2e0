// Package source turns a folder into a Tree: the Go module that it belongs to,
// the main packages in it, the git revision and the digest of its files.
//
// Its invariant: reading a tree executes nothing that the tree brought along.
// The go command runs without ambient flags, git without the programs that a
// repository's own configuration can name. The package imports no stage; it is
// where the way begins.
package source

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/sync/errgroup"
)

// Tree is a Go module as it lies in a folder at one moment.
type Tree struct {
	Dir        string // absolute, without symbolic links: the folder of go.mod
	Module     string // module path
	GoVersion  string // the go line of go.mod, such as "1.26"; "" without one
	Mains      []Main // sorted by Dir
	Repository string // URL of git's remote origin, without credentials; "" when there is none that others reach
	Revision   string // commit in hexadecimal; "" outside git or before the first commit
	Dirty      bool   // whether the module's files differ from Revision; false outside git
	Digest     string // "sha256:…" over path, mode and content of the module's files
}

// Error is about a tree that cannot be built as it is. Err, when there is one,
// is what the system said.
type Error struct {
	Message string
	Hint    string // what to do next; may be empty
	Err     error
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Unwrap returns what the system said.
func (e *Error) Unwrap() error { return e.Err }

// Load reads the module that dir belongs to: the go.mod in dir or the nearest
// one above. Errors that a person can mend are of type *Error.
func Load(ctx context.Context, dir string) (Tree, error) {
	tree, err := Find(dir)
	if err != nil {
		return Tree{}, err
	}
	root := tree.Dir
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		var err error
		tree.Mains, err = listMains(ctx, root)
		return err
	})
	group.Go(func() error {
		state, err := readFiles(ctx, root)
		tree.Repository, tree.Revision, tree.Dirty, tree.Digest = state.origin, state.revision, state.dirty, state.digest
		return err
	})
	if err := group.Wait(); err != nil {
		return Tree{}, err
	}
	return tree, nil
}

// Find reads of the module that dir belongs to what its go.mod says, without
// starting a process: the tree has neither main packages nor a revision nor a
// digest. Errors that a person can mend are of type *Error.
func Find(dir string) (Tree, error) {
	root, err := moduleRoot(dir)
	if err != nil {
		return Tree{}, err
	}
	return readModule(root)
}

// moduleRoot finds the folder of the go.mod that dir belongs to.
func moduleRoot(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find folder %s: %w", dir, err)
	}
	if start, err = filepath.EvalSymlinks(start); err != nil {
		return "", fmt.Errorf("find folder %s: %w", dir, err)
	}
	if info, err := os.Stat(start); err != nil || !info.IsDir() {
		return "", &Error{Message: fmt.Sprintf("%s is not a folder", dir), Err: err}
	}
	root, found := findAbove(start, "go.mod", fs.FileMode.IsRegular)
	if !found {
		return "", &Error{
			Message: fmt.Sprintf("no go.mod in %s or above it", start),
			Hint:    "run davit in a Go module, or make one with 'go mod init example.com/name'",
		}
	}
	return root, nil
}

// findAbove looks for a name in dir and in each folder above it. A folder that
// may not be looked into has nothing for us.
func findAbove(dir, name string, wanted func(fs.FileMode) bool) (string, bool) {
	for {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && wanted(info.Mode()) {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

func readModule(root string) (Tree, error) {
	path := filepath.Join(root, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return Tree{}, fmt.Errorf("read go.mod: %w", err)
	}
	file, err := modfile.ParseLax(path, data, nil)
	if err != nil {
		return Tree{}, &Error{Message: fmt.Sprintf("parse go.mod: %v", err), Err: err}
	}
	if file.Module == nil || file.Module.Mod.Path == "" {
		return Tree{}, &Error{
			Message: path + ": no module line",
			Hint:    "write 'module example.com/name' as its first line",
		}
	}
	tree := Tree{Dir: root, Module: file.Module.Mod.Path}
	if file.Go != nil {
		tree.GoVersion = file.Go.Version
	}
	return tree, nil
}
