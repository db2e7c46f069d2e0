package tree

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build/layer"
)

// Below is the base of a stage. The zero value is an empty one.
type Below struct {
	// Image returns the files of the base image. It is called when they are
	// needed and not before, since they may have to be fetched. Nil for no image.
	Image func(ctx context.Context) (*Index, error)
	// Seeds are files that are known without the image, by path without the
	// leading slash.
	Seeds map[string]layer.Entry
	// Holds tells which names the image may have. Nil for all.
	Holds func(name string) bool
}

// find returns what the base has at a place. Without fetch the image is not
// asked, and what is not a seed counts as missing.
func (b Below) find(ctx context.Context, at string, fetch bool) (layer.Entry, bool, error) {
	if e, found := b.Seeds[at]; found {
		return e, true, nil
	}
	if !fetch || b.Image == nil || b.Holds != nil && !b.Holds(at) {
		return layer.Entry{}, false, nil
	}
	index, err := b.Image(ctx)
	if err != nil {
		return layer.Entry{}, false, &UnknownError{Name: "/" + at, Err: err}
	}
	e, found := index.Find(at)
	return e, found, nil
}

// children returns the names in a folder of the base.
func (b Below) children(ctx context.Context, at string) ([]string, error) {
	var names []string
	for name := range b.Seeds {
		if isIn(name, at) {
			names = append(names, path.Base(name))
		}
	}
	if b.Image == nil || b.Holds != nil && !b.Holds(at) {
		return names, nil
	}
	index, err := b.Image(ctx)
	if err != nil {
		return nil, &UnknownError{Name: "/" + at, Err: err}
	}
	for _, name := range index.children(at) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func isIn(name, folder string) bool {
	dir := path.Dir(name)
	return dir == folder || dir == "." && folder == ""
}

// UnknownError says that a name may be in the base image, which cannot be had.
type UnknownError struct {
	Name string
	Err  error
}

// Error implements error.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s: is it in the base image? %v", e.Name, e.Err)
}

// Unwrap returns why the image cannot be had.
func (e *UnknownError) Unwrap() error { return e.Err }

func infoOf(e layer.Entry) Info {
	return Info{
		Owner: Owner{UID: e.UID, GID: e.GID}, Mode: e.Mode,
		Dir: e.IsFolder(), Link: e.Link, Size: e.Size,
	}
}

var errNoContent = errors.New("it has no content")

// Seed makes a map of entries for Below.Seeds, with the folders that they are in.
func Seed(entries ...layer.Entry) map[string]layer.Entry {
	seeds := map[string]layer.Entry{}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name, "/")
		seeds[name] = e
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, known := seeds[dir]; !known {
				seeds[dir] = layer.Folder(dir, 0o755, 0)
			}
		}
	}
	return seeds
}
