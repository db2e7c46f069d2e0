package build

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/layer"
)

// namedLayer is a layer with what it holds, for people.
type namedLayer struct {
	layer.Layer
	name string
}

// ground is what programs are put on, for one platform.
type ground struct {
	image   v1.Image      // nil for davit's own
	entries []layer.Entry // of davit's own
	facts   base.Facts
}

// ground returns the base for a platform.
func (b *Builder) ground(ctx context.Context, p v1.Platform) (ground, error) {
	switch b.cfg.Base {
	case BaseScratch:
		return ground{}, nil
	case BaseStatic:
		entries, err := base.Static()
		if err != nil {
			return ground{}, fmt.Errorf("make base %s: %w", b.cfg.Base, err)
		}
		return ground{entries: entries, facts: base.Facts{HasCA: true, HasZones: true}}, nil
	}
	image, err := b.opts.Bases.Image(ctx, b.cfg.Base, p)
	if err != nil {
		return ground{}, fmt.Errorf("build.base: %w", err)
	}
	facts, err := b.opts.Bases.Describe(ctx, image)
	if err != nil {
		return ground{}, fmt.Errorf("build.base: look into %s: %w", b.cfg.Base, err)
	}
	return ground{image: image, facts: facts}, nil
}

// pack makes the layers above the base: what is the same for all programs first.
func (b *Builder) pack(ctx context.Context, root string, c compiled, on ground) ([]namedLayer, error) {
	files, err := b.files(root)
	if err != nil {
		return nil, err
	}
	programs, err := b.programEntries(c)
	if err != nil {
		return nil, err
	}
	below := slices.Clone(on.entries)
	for _, name := range on.facts.Folders {
		below = append(below, layer.Folder(name, 0o755, 0))
	}
	if files, err = layer.WithParents(files, below); err != nil {
		return nil, fmt.Errorf("build.files: %w", err)
	}
	below = append(below, files...)
	if programs, err = layer.WithParents(b.withWorkdir(programs, below), below); err != nil {
		return nil, fmt.Errorf("build.path or build.workdir: %w", err)
	}
	var layers []namedLayer
	for _, part := range []struct {
		name    string
		entries []layer.Entry
	}{
		{"base " + b.cfg.Base, on.entries},
		{"files", files},
		{"program " + b.pathOf(c.programs, 0), programs},
	} {
		if len(part.entries) == 0 {
			continue
		}
		packed, err := b.packLayer(ctx, part.name, part.entries)
		if err != nil {
			return nil, err
		}
		layers = append(layers, packed)
	}
	return layers, nil
}

func (b *Builder) packLayer(ctx context.Context, name string, entries []layer.Entry) (namedLayer, error) {
	l, found, err := b.layers.Layer(ctx, entries, b.compression)
	if err != nil {
		return namedLayer{}, fmt.Errorf("%s: %w", name, err)
	}
	step := Packed
	if found {
		step = Reused
	}
	b.tell(Event{Step: step, Subject: name, Total: l.Bytes()})
	return namedLayer{Layer: l, name: name}, nil
}

// pathOf is where a program is in the image.
func (b *Builder) pathOf(programs []program, i int) string {
	if b.cfg.Path != "" && i == 0 {
		return b.cfg.Path
	}
	return "/app/" + programs[i].Main.Name
}

// programEntries are the programs, the prober, and the folder that they run in.
func (b *Builder) programEntries(c compiled) ([]layer.Entry, error) {
	capabilities, err := capabilityAttribute(b.cfg.Capabilities)
	if err != nil {
		return nil, err
	}
	var entries []layer.Entry
	for i, p := range c.programs {
		entries = append(entries, p.entry(b.pathOf(c.programs, i), capabilities))
	}
	if b.cfg.Prober {
		path, err := b.opts.Prober(c.platform, c.programs[0].toolchain())
		if err != nil {
			return nil, err
		}
		prober, err := layer.OnDisk(proberPath, path, 0o755)
		if err != nil {
			return nil, fmt.Errorf("make the prober: %w", err)
		}
		entries = append(entries, prober)
	}
	return entries, nil
}

// withWorkdir adds the folder that programs run in where nothing else has it.
func (b *Builder) withWorkdir(entries, below []layer.Entry) []layer.Entry {
	workdir := layer.Folder(b.cfg.Workdir, 0o755, 0)
	there := func(e layer.Entry) bool {
		return e.Name == workdir.Name || strings.HasPrefix(e.Name, workdir.Name)
	}
	if workdir.Name == "/" || slices.ContainsFunc(below, there) || slices.ContainsFunc(entries, there) {
		return entries
	}
	return append(entries, workdir)
}

// files are what build.files names of the tree. Modes are those of git: a file
// can be executed or not. Links are not followed out of the tree.
func (b *Builder) files(dir string) ([]layer.Entry, error) {
	if len(b.cfg.Files) == 0 {
		return b.opts.Extra, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("build.files: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	entries := slices.Clone(b.opts.Extra)
	for from, to := range b.cfg.Files {
		err := fs.WalkDir(root.FS(), path.Clean(from), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			made, err := treeFile(root, name)
			if err != nil {
				return err
			}
			made.Name = strings.TrimPrefix(path.Join(to, strings.TrimPrefix(name, path.Clean(from))), "/")
			entries = append(entries, made)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("build.files.%s: %w", from, err)
		}
	}
	return entries, nil
}

func treeFile(root *os.Root, name string) (layer.Entry, error) {
	info, err := root.Stat(name) // follows links within the tree
	if err != nil {
		return layer.Entry{}, err
	}
	if !info.Mode().IsRegular() {
		return layer.Entry{}, fmt.Errorf("%s is neither a file nor a link to one", name)
	}
	mode := int64(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	real, err := filepath.EvalSymlinks(filepath.Join(root.Name(), name))
	if err != nil {
		return layer.Entry{}, err
	}
	return layer.OnDisk(name, real, mode)
}
