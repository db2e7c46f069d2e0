package project

import (
	"errors"
	"go/version"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/modfile"
)

// goMod is the name of the file that makes a folder a module.
const goMod = "go.mod"

// Module is a Go module of a project.
type Module struct {
	*File                   // its go.mod
	Dir       string        // absolute
	Name      string        // module path; empty when go.mod cannot be read
	Go        string        // of the go line, such as "1.24" or "1.24.3"; empty without
	Toolchain string        // of the toolchain line, without "go"; empty without
	Mod       *modfile.File // nil when go.mod cannot be read
	Problem   string        // why it cannot
	AtLine    int           // where, both counted from 1
	AtColumn  int

	requires []string // module paths

	mu      sync.Mutex
	reached map[string]Reach // by folder and tags
	calls   map[string]Calls // by files

	listing sync.Mutex
	listed  map[string]Deps // by packages and tags
}

// loadModule reads the go.mod of a folder.
func loadModule(dir, path string) *Module {
	name := filepath.Join(dir, goMod)
	source, err := os.ReadFile(name)
	file := newFile(path, string(source))
	file.real, file.home = name, dir
	if err != nil {
		return &Module{File: file, Dir: dir, Problem: err.Error(), AtLine: 1, AtColumn: 1, reached: map[string]Reach{}, calls: map[string]Calls{}}
	}
	return parseModule(file)
}

func parseModule(f *File) *Module {
	m := &Module{File: f, Dir: filepath.Dir(f.real), reached: map[string]Reach{}, calls: map[string]Calls{}, AtLine: 1, AtColumn: 1}
	if f.real == "" {
		m.Dir = filepath.Join(f.home, filepath.FromSlash(path.Dir(f.Path)))
	}
	file, err := readMod([]byte(f.Source))
	if err != nil {
		m.fail(err)
		return m
	}
	m.Mod = file
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

// readMod reads a go.mod. Lines that only a newer Go knows are passed over.
func readMod(source []byte) (*modfile.File, error) {
	file, err := modfile.Parse(goMod, source, nil)
	if err == nil {
		return file, nil
	}
	if lax, laxErr := modfile.ParseLax(goMod, source, nil); laxErr == nil {
		return lax, nil
	}
	return nil, err
}

func (m *Module) fail(err error) {
	m.Problem = err.Error()
	var list modfile.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		return
	}
	first := list[0]
	m.AtLine = max(first.Pos.Line, 1)
	m.AtColumn = max(first.Pos.LineRune, 1)
	m.Problem = first.Error()
	if first.Err != nil {
		m.Problem = first.Err.Error()
	}
}

// Needs returns the newer of the go and the toolchain line.
func (m *Module) Needs() string {
	if m.Toolchain != "" && version.Compare("go"+m.Toolchain, "go"+m.Go) > 0 {
		return m.Toolchain
	}
	return m.Go
}

// moduleDir finds the module that a Dockerfile builds: the one whose go.mod it
// copies, or the nearest at or above its own folder.
func moduleDir(d *Dockerfile, root string) (string, bool) {
	nearest, found := nearestModule(d.Dir(), d.home)
	var copied []string
	for _, s := range d.Stages {
		for _, c := range s.Copies {
			if c.From != "" || !c.Source.Known {
				continue
			}
			path, ok := d.ContextPath(root, c.Source.Text)
			if !ok {
				continue
			}
			dir := strings.TrimSuffix(path, string(filepath.Separator)+goMod)
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
	for ; Within(home, dir); dir = filepath.Dir(dir) {
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
	info, err := os.Stat(filepath.Join(dir, goMod))
	return err == nil && info.Mode().IsRegular()
}
