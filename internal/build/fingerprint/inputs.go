package fingerprint

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// inputs collects what of the file system a build reads.
type inputs struct {
	request Request
	cache   string // the module cache, "" where it is not known
	states  []state
	seen    map[string]bool   // kind and path of each
	local   map[string]string // modules on disk: path and folder
	outside string            // why the build reads what nobody can list
	err     error             // the first that was met
}

func newInputs(r Request) *inputs {
	return &inputs{request: r, cache: variable(r.Env, "GOMODCACHE"), seen: map[string]bool{}, local: map[string]string{}}
}

func (in *inputs) collect(ctx context.Context, goPath string) error {
	packages, err := in.request.list(ctx)
	if err != nil {
		return err
	}
	in.toolchain(ctx, goPath, packages)
	in.modules()
	for _, p := range packages {
		in.pkg(p)
	}
	if in.request.WholeModule {
		in.wholeModule()
	}
	if profile := in.request.profile(); profile != "" {
		in.add(in.absolute(profile), content)
	}
	in.settings()
	for _, file := range in.request.Files {
		in.addExact(in.absolute(file))
	}
	for _, folder := range in.request.Folders {
		in.addExact(in.absolute(folder))
	}
	return in.err
}

// settings notes the file that 'go env -w' writes.
func (in *inputs) settings() {
	switch file := settingsFile(os.Environ()); {
	case file == "":
	case !filepath.IsAbs(file):
		in.leave("GOENV is a relative path")
	default:
		in.file(file)
	}
}

// add notes that a path is to be looked at.
func (in *inputs) add(path string, k kind, files ...string) {
	if key := string(k) + path; !in.seen[key] {
		in.seen[key] = true
		in.states = append(in.states, state{kind: k, path: path, files: files})
	}
}

func (in *inputs) keep(err error) {
	if in.err == nil {
		in.err = err
	}
}

func (in *inputs) leave(why string) {
	if in.outside == "" {
		in.outside = why
	}
}

// there says whether something is at a path.
func (in *inputs) there(path string) bool {
	what, err := typeOf(path)
	in.keep(err)
	return what != ""
}

// file notes what a file holds, or that it is not there.
func (in *inputs) file(path string) (found bool) {
	if found = in.there(path); found {
		in.add(path, content)
	} else {
		in.add(path, present)
	}
	return found
}

// within says whether a path lies in a folder.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel) && folder != ""
}

func (in *inputs) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(in.request.Dir, path)
}

// sorted returns the states so that what is mostly changed is looked at first.
func (in *inputs) sorted() []state {
	slices.SortFunc(in.states, func(a, b state) int {
		if x, y := a.remote(), b.remote(); x != y {
			return x - y
		}
		return strings.Compare(a.path+string(a.kind), b.path+string(b.kind))
	})
	return in.states
}

func (s state) remote() int {
	if s.kind == stamped || s.kind == cached {
		return 1
	}
	return 0
}

// addExact notes all of a path: what a file holds, or everything in a folder.
// Links in it are not followed into folders.
func (in *inputs) addExact(root string) {
	if !in.there(root) {
		in.add(root, present)
		return
	}
	in.add(root, exact)
	if info, err := os.Lstat(root); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		root, err = filepath.EvalSymlinks(root)
		in.keep(err)
	}
	in.keep(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			in.add(path, names)
			in.add(path, exact)
		default:
			in.add(path, exact)
		}
		return nil
	}))
}

// wholeModule notes which packages the module has, main ones or not.
func (in *inputs) wholeModule() {
	root := in.request.Dir + string(filepath.Separator) + "." // also behind a link
	in.keep(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case !entry.IsDir():
			if filepath.Ext(name) == ".go" && isSource(name) && !in.seen[string(content)+path] && isFile(path, entry) {
				in.add(path, header)
			}
			return nil
		case path == root:
		case !entered(name):
			return fs.SkipDir
		case in.there(filepath.Join(path, "go.mod")): // another module, as long as it is there
			in.add(filepath.Join(path, "go.mod"), present)
			return fs.SkipDir
		}
		in.add(filepath.Clean(path), walked)
		return nil
	}))
}

// isFile says whether an entry of a folder is a file or a link to one.
func isFile(path string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.Type().IsRegular()
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
