package fingerprint

import (
	"bytes"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// toolchain reads which go command it is. A script in its place may run any
// other, which shows nowhere.
func (in *inputs) toolchain(goPath string) {
	real, err := filepath.EvalSymlinks(goPath)
	if err != nil {
		in.outside = append(in.outside, "the go command is not on PATH")
		return
	}
	goroot := filepath.Dir(filepath.Dir(real))
	magic := make([]byte, 4)
	f, err := os.Open(real)
	if err == nil {
		_, err = f.Read(magic)
		_ = f.Close() // it was only read
	}
	if err != nil || !bytes.Equal(magic, []byte("\x7fELF")) || gone(filepath.Join(goroot, "VERSION")) == nil {
		in.outside = append(in.outside, goPath+" is not the go command of a Go release, but something in its place")
		return
	}
	in.add(real, stamped)
	in.release(goroot)
}

// settings reads the file that 'go env -w' writes (go help env).
func (in *inputs) settings() {
	file := os.Getenv("GOENV")
	if file == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return // neither does the go command find one
		}
		file = filepath.Join(dir, "go", "env")
	}
	if file != "off" {
		in.addEither(file)
	}
}

// modules reads the files that say which modules there are: go.mod and go.sum,
// the workspace, and those of the modules on disk that either names.
func (in *inputs) modules() {
	in.module(in.request.Dir)
	for dir := in.request.Dir; ; dir = filepath.Dir(dir) {
		file := filepath.Join(dir, "go.work")
		if in.addEither(file) {
			in.addEither(filepath.Join(dir, "go.work.sum"))
			in.vendored(dir)
			in.workspace(file)
			return
		}
		if dir == filepath.Dir(dir) {
			return
		}
	}
}

// module reads a module on disk. What it replaces by folders is read, too: its
// requirements count even where none of its packages is used.
func (in *inputs) module(dir string) {
	file := filepath.Join(dir, "go.mod")
	if in.has(file, content) || !in.addEither(file) {
		return
	}
	in.addEither(filepath.Join(dir, "go.sum"))
	in.vendored(dir)
	data, err := os.ReadFile(file)
	if err != nil {
		return // which shows when it is compared
	}
	parsed, err := modfile.Parse(file, data, nil)
	if err != nil {
		in.outside = append(in.outside, file+" cannot be read by this davit")
		return
	}
	in.replaced(dir, parsed.Replace)
}

func (in *inputs) vendored(dir string) {
	list := filepath.Join(dir, "vendor", "modules.txt")
	if !in.addEither(list) {
		if vendor := filepath.Join(dir, "vendor"); gone(vendor) != nil {
			in.add(vendor, names)
		} else {
			in.add(vendor, absence)
		}
	}
}

func (in *inputs) replaced(dir string, list []*modfile.Replace) {
	for _, r := range list {
		if r.New.Version == "" {
			in.module(place(dir, r.New.Path))
		}
	}
}

func (in *inputs) workspace(file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		return // which shows when it is compared
	}
	parsed, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		in.outside = append(in.outside, file+" cannot be read by this davit")
		return
	}
	for _, use := range parsed.Use {
		in.module(place(filepath.Dir(file), use.Path))
	}
	in.replaced(filepath.Dir(file), parsed.Replace)
}

func place(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

// localModules returns the modules on disk, by their paths.
func (in *inputs) localModules() map[string]string {
	if in.local != nil {
		return in.local
	}
	in.local = map[string]string{}
	for _, s := range in.states {
		if s.kind == content && filepath.Base(s.path) == "go.mod" {
			if data, err := os.ReadFile(s.path); err == nil {
				in.local[modfile.ModulePath(data)] = filepath.Dir(s.path)
			}
		}
	}
	return in.local
}
