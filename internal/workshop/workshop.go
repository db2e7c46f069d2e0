// Package workshop makes images from a folder and brings them where they were
// wanted: it reads what davit.yaml, davit.lock, a Dockerfile or ko's
// configuration say, has the images built, sends them, and puts beside them what
// vouches for them. Sending and attaching come last, so that nothing is sent of a
// build that fails.
//
// It ties the packages below build together, as app does with the stages; only
// app and cli import it.
package workshop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/ko"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
)

// Order is what `davit build` can be told.
type Order struct {
	Targets     []string // folders, import paths or patterns; none: the current folder
	Platforms   []string // instead of those of davit.yaml
	Labels      map[string]string
	Annotations map[string]string
	User        string   // of the image, instead of that of davit.yaml
	Flags       []string // of go build, beside those of davit.yaml
	Ldflags     []string // beside those of davit.yaml

	Dockerfile string // "" is none
	Stage      string // of the Dockerfile, "" for the last
	Args       map[string]string

	Repo      string   // registry/repository to push to, "" for none
	Form      *ko.Form // how images are called in it, as ko does; nil is davit's way
	Push      bool     // whether it is pushed when there is one
	Tags      []string // templates of tags
	Layout    string   // folder for an OCI layout, "" for none
	Tarball   string   // file for an archive, "-" for standard output, "" for none
	Load      string   // engine of this machine, "" for none
	ImageRefs string   // file for the references, "" for none
	TagOnly   bool     // whether references are by tag, without a digest

	SBOM       []string               // kinds that are attached to what is pushed
	SBOMDir    string                 // folder that they are written into, "" for none
	Provenance bool                   // whether it is attached
	Key        string                 // file of the private key to sign with, "" for none
	Password   func() ([]byte, error) // of that key, where it is encrypted
	DebugInfo  bool                   // whether programs are stripped, and attached as they were

	Davit    string // its version
	Progress func(build.Event)
}

// Built says what was built and where it is.
type Built struct {
	Name       string   `json:"name"` // of the repository, or of the program where nothing is pushed
	Package    string   `json:"package"`
	Digest     string   `json:"digest"`
	Bytes      int64    `json:"bytes"` // compressed, with configurations
	Platforms  []string `json:"platforms"`
	References []string `json:"references"` // by which it can be had
	Pushed     bool     `json:"pushed"`
	Layout     string   `json:"layout,omitempty"`
	Tarball    string   `json:"tarball,omitempty"`
	Loaded     []string `json:"loaded,omitempty"`   // names in the engine
	Attached   []string `json:"attached,omitempty"` // types of what is beside it
}

// Build makes images and brings them where they should go.
func Build(ctx context.Context, o Order) ([]Built, error) {
	open := openModule
	if o.Dockerfile != "" {
		open = openRecipe
	}
	b, err := open(o)
	if err != nil {
		return nil, err
	}
	defer b.clean()
	if err := b.readKey(); err != nil {
		return nil, err
	}
	made, err := b.make(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.keepLock(); err != nil {
		return nil, err
	}
	if err := b.send(ctx, made); err != nil {
		return nil, err
	}
	if err := b.attach(ctx, made); err != nil {
		return nil, err
	}
	all := make([]Built, len(made))
	for i, m := range made {
		all[i] = m.built
	}
	return all, b.writeRefs(all)
}

// bench is one build: what is known of the module before anything is built.
type bench struct {
	order    Order
	module   source.Tree // without what takes a process to find out
	wanted   []string    // main packages
	each     bool        // an image for each of them
	settings config.Config
	ko       ko.Config
	bases    *base.Resolver
	lock     base.Lock
	key      *attest.Key // to sign with, nil for none
	tree     func(context.Context) (source.Tree, error)
	cleanups []func()
}

// clean removes what lay on disk for the time of the build.
func (b *bench) clean() {
	for _, fn := range b.cleanups {
		fn()
	}
}

// openModule reads what the folder says, without starting a process.
func openModule(o Order) (*bench, error) {
	dir, wanted := splitTargets(o.Targets)
	module, err := source.Find(dir)
	if err != nil {
		return nil, err
	}
	if err := o.place(); err != nil {
		return nil, err
	}
	b := &bench{order: o, module: module, wanted: rooted(module.Dir, wanted), each: len(wanted) > 0}
	b.tree = once(func(ctx context.Context) (source.Tree, error) { return source.Load(ctx, module.Dir) })
	if err := b.readSettings(); err != nil {
		return nil, err
	}
	if folder := below(module.Dir, dir); folder != "." && len(wanted) == 0 && len(b.settings.Build.Main) == 0 {
		b.wanted = []string{folder} // 'davit build' in cmd/x builds x
	}
	if b.lock, err = readLock(module.Dir); err != nil {
		return nil, err
	}
	b.bases, err = newBases(b.lock, o.Progress)
	return b, err
}

// readSettings reads davit.yaml, else what ko reads, and what the order overrides.
func (b *bench) readSettings() error {
	var err error
	if b.settings, err = config.Load(b.module.Dir, b.module.Module); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.module.Dir, config.FileName)); errors.Is(err, os.ErrNotExist) {
		if b.ko, err = ko.Load(b.module.Dir, os.Environ()); err != nil {
			return input(err)
		}
	}
	return nil
}

// splitTargets tells folders from import paths: what exists as a folder is one.
// A single folder says which module is meant; more arguments are main packages of
// the module of the current folder.
func splitTargets(targets []string) (dir string, wanted []string) {
	if len(targets) == 0 {
		return ".", nil
	}
	if info, err := os.Stat(targets[0]); len(targets) == 1 && err == nil && info.IsDir() {
		return targets[0], nil
	}
	return ".", targets
}

// rooted turns folders that are named from the current one into those of the
// module.
func rooted(root string, wanted []string) []string {
	list := make([]string, len(wanted))
	for i, want := range wanted {
		list[i] = want
		if strings.HasPrefix(want, ".") {
			list[i] = "./" + path.Join(below(root, "."), want)
		}
	}
	return list
}

// below returns a folder as it is seen from the module's, "." outside of it.
func below(root, dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "."
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	rel, err := filepath.Rel(root, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "."
	}
	return filepath.ToSlash(rel)
}

// once returns fn with its first answer kept.
func once(fn func(context.Context) (source.Tree, error)) func(context.Context) (source.Tree, error) {
	var (
		tree source.Tree
		err  error
		done bool
	)
	return func(ctx context.Context) (source.Tree, error) {
		if !done {
			tree, err = fn(ctx)
			done = true
		}
		return tree, err
	}
}

// cacheDir is where builds keep what makes the next one fast; it may be removed
// at any time.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder: %w", err)
	}
	return filepath.Join(dir, "davit"), nil
}
