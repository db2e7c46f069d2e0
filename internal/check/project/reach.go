package project

import (
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Reach is what a main package comes to import by way of the packages of its
// own module. Other modules are not looked into.
type Reach struct {
	Cgo     bool     // import "C" in the module itself
	Std     []string // packages of the standard library that use cgo when it is on, sorted
	Foreign []string // packages of other modules, sorted
	Files   []string // of the module, absolute
	Missing bool     // the source was not all there
}

// usesCgo says whether a package of the standard library imports net, os/user,
// runtime/cgo or plugin, by itself or by others: those that link libc when cgo
// is on. A test holds the list against the standard library.
func usesCgo(pkg string) bool {
	switch pkg {
	case "archive/tar", "crypto/tls", "crypto/x509", "expvar", "log/syslog", "mime/multipart", "net", "os/user", "plugin", "runtime/cgo":
		return true
	case "net/netip", "net/url":
		return false
	}
	return strings.HasPrefix(pkg, "net/")
}

// Reach looks at the package in a folder of the module, built with tags for
// Linux. The empty folder means any package: all of the module.
func (m *Module) Reach(dir string, tags []string) Reach {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := dir + "\x00" + strings.Join(tags, ",")
	if r, found := m.reached[key]; found {
		return r
	}
	w := reachWalk{module: m, seen: map[string]bool{}, context: build.Default}
	w.context.GOOS, w.context.CgoEnabled, w.context.BuildTags = "linux", true, tags
	if dir == "" {
		w.queue = m.packages()
	} else {
		w.queue = []string{dir}
	}
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		if !w.seen[next] {
			w.seen[next] = true
			w.folder(next)
		}
	}
	r := w.result()
	m.reached[key] = r
	return r
}

// packages returns the folders of the module that may hold packages.
func (m *Module) packages() []string {
	var dirs []string
	_ = filepath.WalkDir(m.Dir, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil //nolint:nilerr // a folder that cannot be read holds nothing that can be known
		}
		name := entry.Name()
		if p != m.Dir && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") ||
			slices.Contains([]string{"vendor", "node_modules", "testdata"}, name) || hasModule(p)) {
			return filepath.SkipDir
		}
		dirs = append(dirs, p)
		return nil
	})
	return dirs
}

type reachWalk struct {
	module  *Module
	context build.Context
	queue   []string
	seen    map[string]bool // folders and import paths
	out     Reach
}

func (w *reachWalk) folder(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.out.Missing = true
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if match, err := w.context.MatchFile(dir, name); err != nil || !match {
			continue
		}
		w.file(filepath.Join(dir, name))
	}
}

func (w *reachWalk) file(name string) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		w.out.Missing = true
		return
	}
	w.out.Files = append(w.out.Files, name)
	for _, spec := range file.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			w.imported(imported)
		}
	}
}

func (w *reachWalk) imported(name string) {
	if w.seen[name] {
		return
	}
	first, _, _ := strings.Cut(name, "/")
	switch own := w.module.Name; {
	case name == "C":
		w.out.Cgo = true
	case InModule(name, own):
		dir := filepath.FromSlash(strings.TrimPrefix(strings.TrimPrefix(name, own), "/"))
		w.queue = append(w.queue, filepath.Join(w.module.Dir, dir))
		return
	case strings.Contains(first, "."), slices.ContainsFunc(w.module.requires, func(m string) bool { return InModule(name, m) }):
		w.out.Foreign = append(w.out.Foreign, name)
	case usesCgo(path.Clean(name)):
		w.out.Std = append(w.out.Std, name)
	}
	w.seen[name] = true
}

// InModule says whether a package belongs to a module.
func InModule(pkg, module string) bool {
	return module != "" && (pkg == module || strings.HasPrefix(pkg, module+"/"))
}

func (w *reachWalk) result() Reach {
	w.out.Missing = w.out.Missing || len(w.out.Files) == 0
	slices.Sort(w.out.Std)
	slices.Sort(w.out.Foreign)
	return w.out
}
