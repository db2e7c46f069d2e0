// Package project turns the files of a folder into what rules look at: the
// Dockerfiles with their stages, commands and Go programs, the compose files,
// the .dockerignore files, the Go modules and workspaces, each parsed once and linked to
// each other.
//
// Its invariant: a loaded project does not change; With makes another one. The
// Go source is read when a rule first asks for it. The package knows no rules,
// and it writes nothing.
package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Project is what is looked at.
type Project struct {
	Root        string        // absolute
	Dockerfiles []*Dockerfile // these and the others are sorted by path, each file once
	Composes    []*Compose
	Ignores     []*Ignore
	Works       []*Work
	Modules     []*Module // those below the folders that were named, and those that the Dockerfiles build
}

// Load reads the project in the folder root. Paths are files or folders to look
// at, relative to the working directory; without paths, all below root is
// looked at. Folders named .git, vendor, node_modules and testdata are passed
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
	files, err := p.read(ctx, found)
	if err != nil {
		return nil, err
	}
	p.parse(files)
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
	file := newFile("-", string(source))
	file.home = p.Root
	p.Dockerfiles = []*Dockerfile{parseDockerfile(file)}
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

// parsed is a file and what it is to be read as.
type parsed struct {
	file *File
	kind kind
}

func (p *Project) read(ctx context.Context, found []candidate) ([]parsed, error) {
	files := make([]parsed, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range found {
		group.Go(func() error {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			source, err := os.ReadFile(c.real)
			if err != nil {
				return fmt.Errorf("read %s: %w", c.kind, err)
			}
			file := newFile(p.relative(c.name), string(source))
			file.real, file.home = c.real, c.home
			files[i] = parsed{file, c.kind}
			return nil
		})
	}
	return files, group.Wait()
}

// parse reads the files, as many at a time as there are processors, and puts
// them where they belong.
func (p *Project) parse(files []parsed) {
	values := make([]any, len(files))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range files {
		group.Go(func() error {
			values[i] = f.kind.parse(f.file)
			return nil
		})
	}
	_ = group.Wait() // the functions above return no error
	for _, v := range values {
		switch v := v.(type) {
		case *Dockerfile:
			p.Dockerfiles = append(p.Dockerfiles, v)
		case *Compose:
			p.Composes = append(p.Composes, v)
		case *Ignore:
			p.Ignores = append(p.Ignores, v)
		case *Work:
			p.Works = append(p.Works, v)
		case *Module:
			p.Modules = append(p.Modules, v)
		}
	}
	p.sort()
}

func (p *Project) sort() {
	slices.SortFunc(p.Dockerfiles, func(a, b *Dockerfile) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(p.Composes, func(a, b *Compose) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(p.Ignores, func(a, b *Ignore) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(p.Works, func(a, b *Work) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(p.Modules, func(a, b *Module) int { return strings.Compare(a.Path, b.Path) })
}

// link finds the module that each Dockerfile builds, and loads those that are
// not below the folders that were named.
func (p *Project) link() {
	byDir := map[string]*Module{}
	for _, m := range p.Modules {
		byDir[m.Dir] = m
	}
	for _, d := range p.Dockerfiles {
		d.Module = nil
		dir, found := moduleDir(d, p.Root)
		if !found {
			continue
		}
		if byDir[dir] == nil {
			byDir[dir] = loadModule(dir, p.relative(filepath.Join(dir, goMod)))
			p.Modules = append(p.Modules, byDir[dir])
		}
		d.Module = byDir[dir]
	}
	p.sort()
}

// relative returns a path as findings show it.
func (p *Project) relative(path string) string {
	rel, err := filepath.Rel(p.Root, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

// Files returns all files, sorted by path.
func (p *Project) Files() []*File {
	var files []*File
	for _, d := range p.Dockerfiles {
		files = append(files, d.File)
	}
	for _, c := range p.Composes {
		files = append(files, c.File)
	}
	for _, i := range p.Ignores {
		files = append(files, i.File)
	}
	for _, w := range p.Works {
		files = append(files, w.File)
	}
	for _, m := range p.Modules {
		files = append(files, m.File)
	}
	slices.SortFunc(files, func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// File returns the file with a path, or nil.
func (p *Project) File(path string) *File {
	if d, found := byPath(p.Dockerfiles, path); found {
		return d.File
	}
	if c, found := byPath(p.Composes, path); found {
		return c.File
	}
	if i, found := byPath(p.Ignores, path); found {
		return i.File
	}
	if w, found := byPath(p.Works, path); found {
		return w.File
	}
	if m, found := byPath(p.Modules, path); found {
		return m.File
	}
	return nil
}

// byPath looks into a list that is sorted by path.
func byPath[T interface{ path() string }](sorted []T, path string) (T, bool) {
	i, found := slices.BinarySearchFunc(sorted, path, func(v T, path string) int { return strings.Compare(v.path(), path) })
	if !found {
		var none T
		return none, false
	}
	return sorted[i], true
}

// With returns the project with other content in some of its files, by path. A
// path that is not in the project is that of a new file; a path that no file of
// a kind that is looked at can have is passed over.
func (p *Project) With(sources map[string]string) *Project {
	out := &Project{Root: p.Root}
	files := p.added(sources)
	var dockerfiles []*Dockerfile
	dockerfiles, files = keep(p.Dockerfiles, dockerfileKind, sources, files)
	for _, d := range dockerfiles {
		same := *d // its module may be another one now
		out.Dockerfiles = append(out.Dockerfiles, &same)
	}
	out.Composes, files = keep(p.Composes, composeKind, sources, files)
	out.Ignores, files = keep(p.Ignores, ignoreKind, sources, files)
	out.Works, files = keep(p.Works, workKind, sources, files)
	out.Modules, files = keep(p.Modules, moduleKind, sources, files)
	out.parse(files)
	out.link()
	return out
}

// keep returns what stays as it is, and adds the files that change to files.
func keep[T interface {
	with(source string) *File
	path() string
}](all []T, k kind, sources map[string]string, files []parsed) ([]T, []parsed) {
	var same []T
	for _, v := range all {
		if source, changed := sources[v.path()]; changed {
			files = append(files, parsed{v.with(source), k})
		} else {
			same = append(same, v)
		}
	}
	return same, files
}

func (f *File) path() string { return f.Path }

// Problems returns why a file cannot be read, as far as it cannot.
func (p *Project) Problems(path string) []error {
	var out []error
	for _, d := range p.Dockerfiles {
		if d.Path == path {
			for _, e := range d.AST.Errors {
				out = append(out, e)
			}
		}
	}
	for _, c := range p.Composes {
		if c.Path == path && c.AST.Problem != nil {
			out = append(out, c.AST.Problem)
		}
	}
	for _, i := range p.Ignores {
		if i.Path == path && i.Problem != nil {
			out = append(out, i.Problem)
		}
	}
	for _, w := range p.Works {
		if w.Path == path && w.Problem != nil {
			out = append(out, w.Problem)
		}
	}
	for _, m := range p.Modules {
		if m.Path == path && m.Problem != "" {
			out = append(out, errors.New(m.Problem))
		}
	}
	return out
}

func (f *File) with(source string) *File {
	out := newFile(f.Path, source)
	out.real, out.home = f.real, f.home
	return out
}

// added returns the files that sources has and the project has not.
func (p *Project) added(sources map[string]string) []parsed {
	var out []parsed
	for _, path := range slices.Sorted(maps.Keys(sources)) {
		kind := kindOf(filepath.Base(path))
		if kind == noKind || p.File(path) != nil {
			continue
		}
		file := newFile(path, sources[path])
		file.home = p.Root
		out = append(out, parsed{file, kind})
	}
	return out
}

// Within says whether path is the folder or below it; both are absolute and clean.
func Within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

var errOutside = errors.New("leads out of the project")
