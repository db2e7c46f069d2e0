package check

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

// reach is what a main package comes to import by way of the packages of its
// own module. Other modules are not looked into.
type reach struct {
	cgo     bool     // import "C" in the module itself
	std     []string // packages of the standard library that use cgo when it is on, sorted
	foreign []string // packages of other modules, sorted
	missing bool     // the source was not all there
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

// reach looks at the package in a folder of the module, built with tags for
// Linux. The empty folder means any package: all of the module.
func (m *Module) reach(dir string, tags []string) reach {
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
	out     reach
	files   int
}

func (w *reachWalk) folder(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.out.missing = true
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
		w.out.missing = true
		return
	}
	w.files++
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
		w.out.cgo = true
	case inModule(name, own):
		dir := filepath.FromSlash(strings.TrimPrefix(strings.TrimPrefix(name, own), "/"))
		w.queue = append(w.queue, filepath.Join(w.module.Dir, dir))
		return
	case strings.Contains(first, "."), slices.ContainsFunc(w.module.requires, func(m string) bool { return inModule(name, m) }):
		w.out.foreign = append(w.out.foreign, name)
	case usesCgo(path.Clean(name)):
		w.out.std = append(w.out.std, name)
	}
	w.seen[name] = true
}

func inModule(pkg, module string) bool {
	return module != "" && (pkg == module || strings.HasPrefix(pkg, module+"/"))
}

func (w *reachWalk) result() reach {
	w.out.missing = w.out.missing || w.files == 0
	slices.Sort(w.out.std)
	slices.Sort(w.out.foreign)
	return w.out
}
