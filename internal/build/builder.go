// Package build turns a source.Tree into Images: OCI images with Go programs on
// a small base, made without a daemon and without root.
//
// Its invariant: the same tree, configuration, lock and davit give the same
// bytes on any machine, in any folder, with any number of cores, from a warm or
// a cold cache. Revision and local paths are not in the image. Building executes
// the Go toolchain and nothing that the tree brings along. The package imports
// no stage but source; the parts of the work are in packages below it, from the
// base to the sink.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/source"
)

// Bases gives the images that programs are put on.
type Bases interface {
	Image(ctx context.Context, ref string, p v1.Platform) (v1.Image, error)
	Describe(ctx context.Context, image v1.Image) (base.Facts, error)
}

// Options are what a Builder needs of its surroundings.
type Options struct {
	// Cache is the folder that is kept between builds: programs, so that they
	// are not linked again, and compressed layers. It is made when it is not
	// there, and several processes may share it. What was not asked for in 30
	// days is removed from it.
	Cache string
	// Progress is told what goes on, from one goroutine at a time. It may be nil.
	Progress func(Event)
	// Bases is asked for bases that davit does not make itself. It may be nil
	// where the configuration names none.
	Bases Bases
	// Toolchain is the exact one to build with, such as "go1.26.8"; "" is that of
	// the machine and of go.mod.
	Toolchain string
	// Extra are files beside those of the configuration.
	Extra []layer.Entry
	// Prober returns the file of the prober for a platform, made with a toolchain
	// such as "go1.26.8" or "local", and Probe is what it does. They are needed
	// when the configuration asks for it.
	Prober func(p v1.Platform, toolchain string) (string, error)
	Probe  Probe
}

// Builder makes images of one configuration.
type Builder struct {
	cfg         Config
	opts        Options
	user        string
	ports       []string
	platforms   []v1.Platform
	compression layer.Compression
	programs    string
	layers      layer.Cache
	telling     sync.Mutex
}

// New prepares a Builder. It starts nothing and makes no folder.
func New(cfg Config, opts Options) (*Builder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if opts.Cache == "" {
		return nil, errors.New("build: no cache folder is given")
	}
	dir, err := filepath.Abs(opts.Cache)
	if err != nil {
		return nil, fmt.Errorf("find cache folder: %w", err)
	}
	b := &Builder{
		cfg: cfg, opts: opts,
		programs: filepath.Join(dir, "programs"), layers: layer.Cache{Dir: filepath.Join(dir, "layers")},
	}
	if b.user, err = parseUser(cfg.User); err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	for _, port := range cfg.Expose {
		parsed, err := parsePort(port)
		if err != nil {
			return nil, fmt.Errorf("expose: %w", err)
		}
		b.ports = append(b.ports, parsed)
	}
	if b.platforms, err = ParsePlatforms(cfg.Platforms); err != nil {
		return nil, err
	}
	b.compression, err = layer.ParseCompression(cfg.Compression)
	return b, err
}

// Again makes the images of the last build of the module in root once more,
// without starting a process, when nothing that they are made of has changed;
// otherwise why says what has, and there are none. wanted and each are those of
// the last Build.
func (b *Builder) Again(ctx context.Context, root string, wanted []string, each bool) (images []*Image, why string, err error) {
	all, why, err := b.recallAll(ctx, root, wanted)
	if err != nil || why != "" {
		return nil, why, err
	}
	defer leave(all.places)
	if err := b.makeFolders(); err != nil {
		return nil, "", err
	}
	images, err = b.assemble(ctx, root, all.compiled, each)
	return images, "", err
}

// recalled is what was compiled before.
type recalled struct {
	places   []place
	compiled []compiled
}

func (b *Builder) recallAll(ctx context.Context, root string, wanted []string) (all recalled, why string, err error) {
	defer b.took("compare with the last build")()
	if all.places, err = b.places(ctx, root); err != nil {
		return recalled{}, "", err
	}
	for _, at := range all.places {
		programs, why := at.recall(wanted)
		if why != "" {
			leave(all.places)
			b.tell(Event{Step: Changed, Subject: why})
			return recalled{}, why, nil
		}
		all.compiled = append(all.compiled, compiled{platform: at.platform, programs: programs})
		b.tell(Event{Step: Unchanged, Subject: programs[0].Main.Package})
	}
	return all, "", nil
}

// Build compiles main packages of the module in root and makes images of them:
// one with all of them, the first being its entrypoint, or one for each. wanted
// names them as folders, import paths or ./...; none is the module's only one.
// load reads the module's tree, at the same time as what was built the last time
// is compiled again: mostly the same is wanted. An error of the compiler is a
// *CompileError; one about the tree a *source.Error.
func (b *Builder) Build(ctx context.Context, root string, wanted []string, each bool, load Load) ([]*Image, error) {
	if err := b.makeFolders(); err != nil {
		return nil, err
	}
	places, err := b.places(ctx, root)
	if err != nil {
		return nil, err
	}
	defer leave(places)
	all, err := b.compileTree(ctx, places, root, wanted, load)
	if err != nil {
		return nil, err
	}
	return b.assemble(ctx, root, all, each)
}

// Load reads the tree of a module.
type Load func(context.Context) (source.Tree, error)

func (b *Builder) compileTree(ctx context.Context, places []place, root string, wanted []string, load Load) ([]compiled, error) {
	defer b.took("compile")()
	last := source.Tree{Dir: root, Mains: places[0].lastMains(wanted)}
	ask, err := asking(last, wanted)
	if err != nil || len(last.Mains) == 0 {
		return b.compileLoaded(ctx, places, wanted, load)
	}
	var stays bool
	ask.renewed, stays = b.renew(ctx, places, last, ask)
	switch {
	case stays && ask.lookedUp():
		made := b.compilePlatforms(ctx, places, last, ask)
		return made.compiled, made.err
	case !ask.lookedUp():
		// The rest of the module makes no difference, unless it does not build.
		if made := b.compilePlatforms(ctx, places, last, ask); made.err == nil {
			return made.compiled, nil
		}
		return b.compileLoaded(ctx, places, wanted, load)
	}
	ahead := make(chan result, 1)
	go func() { ahead <- b.compilePlatforms(ctx, places, last, ask) }()
	tree, err := load(ctx)
	made := <-ahead
	switch {
	case err != nil:
		return nil, err
	case slices.Equal(tree.Mains, last.Mains):
		return made.compiled, made.err
	}
	return b.compileLoaded(ctx, places, wanted, func(context.Context) (source.Tree, error) { return tree, nil })
}

func (b *Builder) compileLoaded(ctx context.Context, places []place, wanted []string, load Load) ([]compiled, error) {
	tree, err := load(ctx)
	if err != nil {
		return nil, err
	}
	ask, err := asking(tree, wanted)
	if err != nil {
		return nil, err
	}
	made := b.compilePlatforms(ctx, places, tree, ask)
	return made.compiled, made.err
}

// asking finds out what is asked for in a tree.
func asking(tree source.Tree, wanted []string) (request, error) {
	mains, err := tree.Select(wanted)
	return request{wanted: wanted, mains: mains}, err
}

// result is what compiling came to.
type result struct {
	compiled []compiled
	err      error
}

func (b *Builder) compilePlatforms(ctx context.Context, places []place, tree source.Tree, ask request) result {
	all := make([]compiled, len(places))
	var group errgroup.Group // not one that cancels: an error of the compiler tells more than its end
	group.SetLimit(2)        // linking is done on one core, and takes much memory
	for i, at := range places {
		group.Go(func() error {
			var err error
			all[i], err = b.compile(ctx, at, tree, ask)
			return err
		})
	}
	err := group.Wait()
	return result{compiled: all, err: err}
}

func (b *Builder) makeFolders() error {
	for _, dir := range []string{b.programs, b.layers.Dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make cache folder: %w", err)
		}
		sweepDaily(dir)
	}
	return nil
}

// sweepDaily removes from a cache folder what nobody asked for, when that was
// not done in the last day.
func sweepDaily(dir string) {
	marker := filepath.Join(dir, ".swept")
	now := time.Now()
	if info, err := os.Stat(marker); err == nil && now.Sub(info.ModTime()) < 24*time.Hour {
		return
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return // a cache that cannot be written to stays as it is
	}
	_ = os.Chtimes(marker, now, now) // of a file that was there
	layer.Sweep(dir, now.Add(-layer.UnusedAfter))
}

// assemble makes images of what was compiled.
func (b *Builder) assemble(ctx context.Context, root string, all []compiled, each bool) ([]*Image, error) {
	defer b.took("pack")()
	sets := 1
	if each {
		sets = len(all[0].programs)
	}
	images := make([]*Image, sets)
	for set := range images {
		parts := make([]Part, len(all))
		for i, c := range all {
			if each {
				c.programs = c.programs[set : set+1]
			}
			on, err := b.ground(ctx, c.platform)
			if err != nil {
				return nil, err
			}
			if err := b.checkFits(c.programs, on.facts); err != nil {
				return nil, err
			}
			layers, err := b.pack(ctx, root, c, on)
			if err != nil {
				return nil, err
			}
			if parts[i], err = b.part(c, on, layers); err != nil {
				return nil, err
			}
		}
		var err error
		if images[set], err = newImage(all[0].programs[set].Main.Name, parts, b.cfg.Annotations); err != nil {
			return nil, err
		}
	}
	return images, nil
}
