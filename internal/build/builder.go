// Package build turns a source.Tree into an Image: an OCI image for linux/amd64
// with a static Go program on a small base, made without a daemon and without
// root, and its ways out: a registry, an OCI layout, or nothing but its digest.
//
// Its invariant: the same tree, configuration, toolchain and davit give the same
// bytes on any machine, in any folder, with any number of cores, from a warm or
// a cold cache. Revision and local paths are not in the image. Building executes
// the Go toolchain and nothing that the tree brings along. The package imports
// no stage but source.
package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/source"
)

// Options are what a Builder needs of its surroundings.
type Options struct {
	// Cache is the folder that is kept between builds: programs, so that they
	// are not linked again, and compressed layers. It is made when it is not
	// there, and several processes may share it. What was not asked for in 30
	// days is removed from it.
	Cache string
	// Progress is told what goes on, from one goroutine at a time. It may be nil.
	Progress func(Event)
}

// Builder makes images of one configuration.
type Builder struct {
	cfg      Config
	user     string
	ports    []string
	base     []entry
	programs string
	layers   cache
	progress func(Event)
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
		cfg: cfg, progress: opts.Progress,
		programs: filepath.Join(dir, "programs"), layers: cache{dir: filepath.Join(dir, "layers")},
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
	if cfg.Base == BaseStatic {
		if b.base, err = staticBase(); err != nil {
			return nil, fmt.Errorf("make base %s: %w", cfg.Base, err)
		}
	}
	return b, nil
}

// Build compiles the tree's main package and makes an image of it. An error of
// the compiler is a *CompileError; one about the tree a *source.Error.
func (b *Builder) Build(ctx context.Context, tree source.Tree) (*Image, error) {
	main, err := tree.Main(b.cfg.Main)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{b.programs, b.layers.dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make cache folder: %w", err)
		}
		sweep(dir, time.Now().Add(-unusedAfter))
	}
	program, err := b.compile(ctx, tree, main)
	if err != nil {
		return nil, err
	}
	defer func() { _ = program.Close() }() // gives a lock back, which cannot be lost
	path := b.cfg.Path
	if path == "" {
		path = "/app/" + main.Name
	}
	layers, err := b.pack(ctx, program, path)
	if err != nil {
		return nil, err
	}
	return newImage(main.Name, b.config(path), layers, b.progress)
}

// namedLayer is a layer with what it holds, for people.
type namedLayer struct {
	layer
	name string
}

// pack makes the layers: the base's, which is the same for all programs, and
// the program's.
func (b *Builder) pack(ctx context.Context, p program, path string) ([]namedLayer, error) {
	binary, err := p.entry(path)
	if err != nil {
		return nil, err
	}
	entries := []entry{binary}
	workdir := folder(b.cfg.Workdir, 0o755, 0)
	isWorkdir := func(e entry) bool { return e.name == workdir.name }
	if workdir.name != "/" && !slices.ContainsFunc(b.base, isWorkdir) && !strings.HasPrefix(binary.name, workdir.name) {
		entries = append(entries, workdir)
	}
	if entries, err = withParents(entries, b.base); err != nil {
		return nil, fmt.Errorf("build.path or build.workdir: %w", err)
	}
	var layers []namedLayer
	if len(b.base) > 0 {
		base, err := b.packLayer(ctx, "base "+b.cfg.Base, b.base)
		if err != nil {
			return nil, err
		}
		layers = append(layers, base)
	}
	program, err := b.packLayer(ctx, "program "+path, entries)
	if err != nil {
		return nil, err
	}
	return append(layers, program), nil
}

func (b *Builder) packLayer(ctx context.Context, name string, entries []entry) (namedLayer, error) {
	l, found, err := b.layers.layer(ctx, entries)
	if err != nil {
		return namedLayer{}, fmt.Errorf("%s: %w", name, err)
	}
	step := Packed
	if found {
		step = Reused
	}
	b.tell(Event{Step: step, Subject: name, Total: l.size})
	return namedLayer{layer: l, name: name}, nil
}

// config is what the image says about running the program. It sets no variables
// of its own: Go finds roots and zones where the base has them.
func (b *Builder) config(path string) v1.Config {
	cfg := v1.Config{
		Entrypoint: []string{path}, Cmd: b.cfg.Args, User: b.user,
		WorkingDir: b.cfg.Workdir, Labels: b.cfg.Labels,
	}
	for _, name := range slices.Sorted(maps.Keys(b.cfg.ImageEnv)) {
		cfg.Env = append(cfg.Env, name+"="+b.cfg.ImageEnv[name])
	}
	for _, port := range b.ports {
		if cfg.ExposedPorts == nil {
			cfg.ExposedPorts = map[string]struct{}{}
		}
		cfg.ExposedPorts[port] = struct{}{}
	}
	return cfg
}

func (b *Builder) tell(e Event) {
	if b.progress != nil {
		b.progress(e)
	}
}
