package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Project is what is looked at, loaded once. Nothing in it changes; only the Go
// source is read when a rule first asks for it.
type Project struct {
	Root        string        // absolute
	Dockerfiles []*Dockerfile // sorted by path, each once
	Modules     []*Module     // those that the Dockerfiles build, sorted by path
}

// Dockerfile is a Dockerfile of a project.
type Dockerfile struct {
	Path   string // relative to the project's root, with slashes; "-" for the standard input
	File   *dockerfile.File
	Module *Module // what it builds; nil when that is not known

	real   string // absolute, without symbolic links; empty for the standard input
	home   string // absolute folder that it is not to lead out of
	stages []*stage
}

// Load reads the project in the folder root. Paths are files or folders to look
// at, relative to the working directory; without paths, all Dockerfiles below
// root are. Folders named .git, vendor, node_modules and testdata are passed
// over below a folder, and so are symbolic links that lead out of it.
func Load(ctx context.Context, root string, paths []string) (*Project, error) {
	p, err := open(root)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		paths = []string{p.Root}
	}
	var found []candidate
	for _, path := range paths {
		more, err := p.candidates(ctx, path)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.SortFunc(found, func(a, b candidate) int { return strings.Compare(a.real+a.name, b.real+b.name) })
	found = slices.CompactFunc(found, func(a, b candidate) bool { return a.real == b.real })
	if err := p.read(ctx, found); err != nil {
		return nil, err
	}
	p.link()
	return p, nil
}

// LoadReader reads one Dockerfile from r, such as the standard input, as if it
// stood in the folder root. Its path is "-".
func LoadReader(root string, r io.Reader) (*Project, error) {
	p, err := open(root)
	if err != nil {
		return nil, err
	}
	source, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the Dockerfile from the standard input: %w", err)
	}
	p.Dockerfiles = []*Dockerfile{{Path: "-", File: dockerfile.Parse(source), home: p.Root}}
	p.link()
	return p, nil
}

func open(root string) (*Project, error) {
	abs, err := filepath.Abs(root)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("open project %s: %w", root, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("open project %s: %w", root, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open project %s: not a folder", root)
	}
	return &Project{Root: abs}, nil
}

// read parses the files, as many at a time as there are processors.
func (p *Project) read(ctx context.Context, found []candidate) error {
	p.Dockerfiles = make([]*Dockerfile, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range found {
		group.Go(func() error {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			source, err := os.ReadFile(c.real)
			if err != nil {
				return fmt.Errorf("read Dockerfile: %w", err)
			}
			p.Dockerfiles[i] = &Dockerfile{Path: p.relative(c.name), File: dockerfile.Parse(source), real: c.real, home: c.home}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	slices.SortFunc(p.Dockerfiles, func(a, b *Dockerfile) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// link finds the module that each Dockerfile builds.
func (p *Project) link() {
	modules := map[string]*Module{}
	for _, d := range p.Dockerfiles {
		d.stages = analyze(d.File)
		dir, found := moduleDir(d, p.Root)
		if !found {
			continue
		}
		if modules[dir] == nil {
			modules[dir] = loadModule(dir, p.relative(filepath.Join(dir, "go.mod")))
			p.Modules = append(p.Modules, modules[dir])
		}
		d.Module = modules[dir]
	}
	slices.SortFunc(p.Modules, func(a, b *Module) int { return strings.Compare(a.Path, b.Path) })
}

// relative returns a path as findings show it.
func (p *Project) relative(path string) string {
	rel, err := filepath.Rel(p.Root, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

// with returns the project with other content in one of its Dockerfiles.
func (p *Project) with(path string, source []byte) *Project {
	out := *p
	out.Dockerfiles = slices.Clone(p.Dockerfiles)
	for i, d := range out.Dockerfiles {
		if d.Path == path {
			next := *d
			next.File = dockerfile.Parse(source)
			next.stages = analyze(next.File)
			out.Dockerfiles[i] = &next
		}
	}
	return &out
}

// dir returns the folder that a Dockerfile stands in.
func (d *Dockerfile) dir() string {
	if d.real == "" {
		return d.home
	}
	return filepath.Dir(d.real)
}

// contextPath returns where a source of a COPY is on this machine. The build
// context is not written down anywhere: it is the Dockerfile's folder or the root.
func (d *Dockerfile) contextPath(root, source string) (string, bool) {
	if strings.ContainsAny(source, "*?[$") {
		return "", false
	}
	for _, base := range []string{d.dir(), root} {
		path := filepath.Join(base, filepath.FromSlash(source))
		real, err := filepath.EvalSymlinks(path)
		if err == nil && (within(d.home, real) || within(root, real)) {
			return real, true
		}
	}
	return "", false
}

// within says whether path is the folder or below it; both are absolute and clean.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

var errOutside = errors.New("leads out of the project")
