package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// filesState is what the files of a module say about it.
type filesState struct {
	origin   string
	revision string
	dirty    bool
	digest   string
}

// readFiles reads the module's files: those that git tracks or does not ignore,
// or all of them where git does not know the module.
func readFiles(ctx context.Context, dir string) (filesState, error) {
	root, err := os.OpenRoot(dir) // no path below leads out of it, whatever its links say
	if err != nil {
		return filesState{}, err
	}
	defer func() { _ = root.Close() }()
	if repo, found := findRepository(dir); found {
		state, err := readRepository(ctx, root, repo)
		if !errors.Is(err, errNoRepository) {
			return state, err
		}
	}
	names, err := walk(root, ".")
	if err != nil {
		return filesState{}, err
	}
	state := filesState{}
	state.digest, err = digestFiles(ctx, root, names, nil)
	return state, err
}

// readRepository returns errNoRepository when git has nothing to say about the
// module: no repository that it accepts, or one that ignores the module.
func readRepository(ctx context.Context, root *os.Root, repo repository) (filesState, error) {
	revision, err := repo.head(ctx)
	if err != nil {
		return filesState{}, err
	}
	names, err := repo.files(ctx)
	if err != nil {
		return filesState{}, err
	}
	if !slices.Contains(names, "go.mod") {
		return filesState{}, errNoRepository
	}
	origin, err := repo.origin(ctx)
	if err != nil {
		return filesState{}, err
	}
	before := map[string]committed{}
	if revision != "" {
		if before, err = repo.commit(ctx, revision); err != nil {
			return filesState{}, err
		}
	}
	names, err = expand(root, names)
	if err != nil {
		return filesState{}, err
	}
	changes := newComparison(before)
	digest, err := digestFiles(ctx, root, names, changes)
	if err != nil {
		return filesState{}, err
	}
	return filesState{origin: origin, revision: revision, dirty: changes.dirty(), digest: digest}, nil
}

// expand replaces folders in a list of git's by the files in them, and leaves
// out what is not there any more.
func expand(root *os.Root, names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		name = strings.TrimSuffix(name, "/")
		info, err := root.Lstat(name)
		switch {
		case isGone(err):
		case err != nil:
			return nil, err
		case info.IsDir():
			inside, err := walk(root, name)
			if err != nil {
				return nil, err
			}
			files = append(files, inside...)
		default:
			files = append(files, name)
		}
	}
	return files, nil
}

// walk lists the files and symbolic links under dir, without git's own.
func walk(root *os.Root, dir string) ([]string, error) {
	var files []string
	err := fs.WalkDir(root.FS(), dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path.Base(name) == ".git":
			if entry.IsDir() {
				return fs.SkipDir
			}
		case entry.Type().IsRegular() || entry.Type()&fs.ModeSymlink != 0:
			files = append(files, name)
		}
		return nil
	})
	return files, err
}
