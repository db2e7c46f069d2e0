package fingerprint

import (
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// modules notes the files that say which modules there are: go.mod and go.sum,
// the workspace, what is vendored, and go.mod of the modules on disk.
func (in *inputs) modules() {
	in.mainModule(in.request.Dir)
	for dir := in.request.Dir; ; dir = filepath.Dir(dir) {
		file := filepath.Join(dir, "go.work")
		if in.file(file) {
			in.workspace(file)
			return
		}
		if dir == filepath.Dir(dir) {
			return
		}
	}
}

// mainModule notes the module that is built, or another one of the workspace.
func (in *inputs) mainModule(dir string) {
	file := filepath.Join(dir, "go.mod")
	if in.seen[string(content)+file] || !in.module(dir) {
		return
	}
	in.file(filepath.Join(dir, "go.sum"))
	in.vendored(dir)
	data, err := os.ReadFile(file)
	if err != nil {
		in.keep(err)
		return
	}
	parsed, err := modfile.Parse(file, data, nil)
	if err != nil {
		in.leave(file + " cannot be read by this davit")
		return
	}
	in.replaced(dir, parsed.Replace)
}

// module notes the go.mod of a module on disk: it counts even where none of its
// packages is used.
func (in *inputs) module(dir string) (found bool) {
	file := filepath.Join(dir, "go.mod")
	if !in.file(file) {
		return false
	}
	data, err := os.ReadFile(file)
	in.keep(err)
	in.local[modfile.ModulePath(data)] = dir
	return true
}

// vendored notes the list of vendored modules, or that there is no such folder.
func (in *inputs) vendored(dir string) {
	if !in.file(filepath.Join(dir, "vendor", "modules.txt")) {
		in.add(filepath.Join(dir, "vendor"), present)
	}
}

func (in *inputs) replaced(dir string, list []*modfile.Replace) {
	for _, r := range list {
		if at := place(dir, r.New.Path); r.New.Version == "" && in.module(at) {
			in.local[r.Old.Path] = at
		}
	}
}

func (in *inputs) workspace(file string) {
	dir := filepath.Dir(file)
	in.file(filepath.Join(dir, "go.work.sum"))
	in.vendored(dir)
	data, err := os.ReadFile(file)
	if err != nil {
		in.keep(err)
		return
	}
	parsed, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		in.leave(file + " cannot be read by this davit")
		return
	}
	for _, use := range parsed.Use {
		in.mainModule(place(dir, use.Path))
	}
	in.replaced(dir, parsed.Replace)
}

func place(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}
