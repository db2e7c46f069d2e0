package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/source"
)

// place is where the programs of a module lie that are built in one way.
type place struct {
	dir      string
	platform v1.Platform
	lock     *os.File
}

// places locks the places for all platforms, and makes those that are not there.
// They are locked in the order of their names: two davits that want the same
// ones cannot wait for each other.
func (b *Builder) places(ctx context.Context, root string) ([]place, error) {
	all := make([]place, len(b.platforms))
	order := make([]int, len(all))
	for i, p := range b.platforms {
		all[i] = place{dir: filepath.Join(b.programs, b.placeKey(root, p)), platform: p}
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(all[i].dir, all[j].dir) })
	for _, i := range order {
		if err := b.enter(ctx, &all[i]); err != nil {
			leave(all)
			return nil, err
		}
	}
	return all, nil
}

// leave gives the locks back.
func leave(all []place) {
	for _, at := range all {
		if at.lock != nil {
			_ = at.lock.Close() // cannot be lost: the end of the process does it too
		}
	}
}

func (b *Builder) enter(ctx context.Context, at *place) error {
	if err := os.MkdirAll(at.dir, 0o700); err != nil {
		return fmt.Errorf("make a folder for programs: %w", err)
	}
	var err error
	at.lock, err = lock(ctx, filepath.Join(at.dir, "lock"), func() { b.tell(Event{Step: Waiting, Subject: at.platform.String()}) })
	if err != nil {
		return err
	}
	now := time.Now()
	_ = os.Chtimes(at.dir, now, now) // a cache that cannot be written to is swept earlier, no more
	// What a davit that was killed left goes away here.
	if err := errors.Join(os.RemoveAll(at.temp()), os.Mkdir(at.temp(), 0o700)); err != nil {
		return fmt.Errorf("make a folder for go build: %w", err)
	}
	return nil
}

// placeKey names a place by all that is asked for, so that two ways to build a
// module do not take turns at one place.
func (b *Builder) placeKey(root string, p v1.Platform) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "2 %q %q %q %q", root, b.arguments(), b.settings(p), b.opts.Toolchain)
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// temp is for the go command's own files. It is on the file system of the
// programs, so that go renames what it made, and no program is ever half there.
func (at place) temp() string { return filepath.Join(at.dir, "tmp") }

// folder is where the program of a main package lies, by its own name. Programs
// of one name have folders of their own.
func (at place) folder(tree source.Tree, main source.Main) string {
	for _, other := range tree.Mains {
		if other.Name == main.Name && other.Package != main.Package {
			sum := sha256.Sum256([]byte(main.Package))
			return filepath.Join(at.dir, "bin-"+hex.EncodeToString(sum[:8]))
		}
	}
	return filepath.Join(at.dir, "bin")
}

// group is what one go build makes: programs of one folder.
type group struct {
	folder string
	mains  []source.Main
}

func (at place) groups(tree source.Tree, mains []source.Main) []group {
	var groups []group
	for _, main := range mains {
		folder, known := at.folder(tree, main), false
		for i := range groups {
			if known = groups[i].folder == folder; known {
				groups[i].mains = append(groups[i].mains, main)
				break
			}
		}
		if !known {
			groups = append(groups, group{folder: folder, mains: []source.Main{main}})
		}
	}
	return groups
}

// prepare makes the folder, and removes from it what go would take for its last
// result although it is damaged.
func (g group) prepare() error {
	if err := os.MkdirAll(g.folder, 0o700); err != nil {
		return fmt.Errorf("make a folder for programs: %w", err)
	}
	for _, main := range g.mains {
		path := filepath.Join(g.folder, main.Name)
		if err := checkWhole(path); err == nil || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove a damaged program: %w", err)
		}
	}
	return nil
}
