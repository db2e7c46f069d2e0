package check

import (
	"errors"
	"go/version"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/modfile"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Module is a Go module of a project.
type Module struct {
	Path      string // of its go.mod, relative to the project's root, with slashes
	Dir       string // absolute
	Name      string // module path; empty when go.mod cannot be read
	Go        string // of the go line, such as "1.24" or "1.24.3"; empty without
	Toolchain string // of the toolchain line, without "go"; empty without

	requires  []string // module paths
	source    string
	problem   string // why go.mod cannot be read
	problemAt dockerfile.Position

	mu      sync.Mutex
	reached map[string]reach // by folder and tags
}

func loadModule(dir, path string) *Module {
	m := &Module{Path: path, Dir: dir, reached: map[string]reach{}, problemAt: dockerfile.Position{Line: 1, Column: 1}}
	source, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		m.problem = err.Error()
		return m
	}
	m.source = string(source)
	file, err := parseModule(source)
	if err != nil {
		m.fail(err)
		return m
	}
	if file.Module != nil {
		m.Name = file.Module.Mod.Path
	}
	for _, r := range file.Require {
		m.requires = append(m.requires, r.Mod.Path)
	}
	if file.Go != nil {
		m.Go = file.Go.Version
	}
	if file.Toolchain != nil && file.Toolchain.Name != "default" {
		name, _, _ := strings.Cut(file.Toolchain.Name, "-")
		m.Toolchain = strings.TrimPrefix(name, "go")
	}
	return m
}

// parseModule reads a go.mod. Lines that only a newer Go knows are passed over.
func parseModule(source []byte) (*modfile.File, error) {
	file, err := modfile.Parse("go.mod", source, nil)
	if err == nil {
		return file, nil
	}
	if lax, laxErr := modfile.ParseLax("go.mod", source, nil); laxErr == nil {
		return lax, nil
	}
	return nil, err
}

func (m *Module) fail(err error) {
	m.problem = err.Error()
	var list modfile.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		return
	}
	first := list[0]
	m.problemAt.Line = max(first.Pos.Line, 1)
	m.problemAt.Column = max(first.Pos.LineRune, 1)
	m.problem = first.Error()
	if first.Err != nil {
		m.problem = first.Err.Error()
	}
}

// needs returns the newer of the go and the toolchain line.
func (m *Module) needs() string {
	if m.Toolchain != "" && version.Compare("go"+m.Toolchain, "go"+m.Go) > 0 {
		return m.Toolchain
	}
	return m.Go
}

// moduleDir finds the module that a Dockerfile builds: the one whose go.mod it
// copies, or the nearest at or above its own folder.
func moduleDir(d *Dockerfile, root string) (string, bool) {
	nearest, found := nearestModule(d.dir(), d.home)
	var copied []string
	for _, s := range d.stages {
		for _, c := range s.copies {
			if c.from != "" || !c.source.Known {
				continue
			}
			path, ok := d.contextPath(root, c.source.Text)
			if !ok {
				continue
			}
			dir := strings.TrimSuffix(path, string(filepath.Separator)+"go.mod")
			if hasModule(dir) {
				copied = append(copied, dir)
			}
		}
	}
	if len(copied) == 0 || slices.Contains(copied, nearest) {
		return nearest, found
	}
	return copied[0], true
}

func nearestModule(dir, home string) (string, bool) {
	for ; within(home, dir); dir = filepath.Dir(dir) {
		if hasModule(dir) {
			return dir, true
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return "", false
}

func hasModule(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && info.Mode().IsRegular()
}
