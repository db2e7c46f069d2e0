package fingerprint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// inputs collects what a build reads.
type inputs struct {
	request  Request
	modcache string
	states   states
	seen     map[string]bool // kind and path of each
	outside  []string
	local    map[string]string // modules on disk
	err      error             // the first that was met
}

// pkg is what go list says of a package that goes into a program.
type pkg struct {
	ImportPath, Dir string
	Standard        bool
	Module          *struct{ Path, Dir, GoMod string }

	GoFiles, IgnoredGoFiles, IgnoredOtherFiles                    []string
	CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles              []string
	SwigFiles, SwigCXXFiles, SysoFiles, EmbedFiles, EmbedPatterns []string
}

func (in *inputs) collect(ctx context.Context, goPath string) error {
	packages, err := in.list(ctx)
	if err != nil {
		return err
	}
	in.toolchain(goPath)
	in.settings()
	in.modules()
	for _, p := range packages {
		in.pkg(p)
	}
	if in.request.WholeModule {
		in.wholeModule()
	}
	for _, flag := range in.request.Flags {
		if profile, found := strings.CutPrefix(strings.TrimLeft(flag, "-"), "pgo="); found && profile != "off" && profile != "auto" {
			in.add(in.absolute(profile), content)
		}
	}
	return in.err
}

// add reads the state of a path.
func (in *inputs) add(path string, k kind) {
	if in.has(path, k) {
		return
	}
	s, err := look(path, k)
	if err != nil && in.err == nil {
		in.err = fmt.Errorf("look at %s: %w", path, err)
	}
	in.states = append(in.states, s)
	in.seen[string(k)+path] = true
}

func (in *inputs) has(path string, k kind) bool { return in.seen[string(k)+path] }

// addEither reads a file, or that it is not there.
func (in *inputs) addEither(path string) (found bool) {
	if gone(path) == nil {
		in.add(path, absence)
		return false
	}
	in.add(path, content)
	return true
}

func (in *inputs) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(in.request.Dir, path)
}

// list asks for all packages that go into the programs.
func (in *inputs) list(ctx context.Context) ([]pkg, error) {
	const fields = "ImportPath,Dir,Standard,Module,GoFiles,IgnoredGoFiles,IgnoredOtherFiles,CFiles,CXXFiles,MFiles,HFiles," +
		"FFiles,SFiles,SwigFiles,SwigCXXFiles,SysoFiles,EmbedFiles,EmbedPatterns"
	args := append([]string{"list", "-deps", "-json=" + fields}, in.request.Flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, in.request.Packages...)...)
	cmd.Dir, cmd.Env = in.request.Dir, in.request.Env
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	return parseList(output)
}

func parseList(output []byte) ([]pkg, error) {
	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		packages = append(packages, p)
	}
}

// pkg reads what a package consists of. Those of the module cache are not changed
// by anybody: it is enough that they were not touched. The standard library is
// what its release says.
func (in *inputs) pkg(p pkg) {
	if p.Standard {
		in.release(strings.TrimSuffix(p.Dir, "/src/"+p.ImportPath))
		return
	}
	cached := within(in.modcache, p.Dir)
	files := content
	if cached {
		files = stamped
	}
	in.add(p.Dir, sources)
	for _, list := range [][]string{
		p.GoFiles, p.IgnoredGoFiles, p.IgnoredOtherFiles, p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles,
		p.SFiles, p.SwigFiles, p.SwigCXXFiles, p.SysoFiles, p.EmbedFiles,
	} {
		for _, name := range list {
			if !strings.HasSuffix(name, "_test.go") {
				in.add(filepath.Join(p.Dir, name), files)
			}
		}
	}
	in.shadows(p)
	if cached {
		return
	}
	if profile := filepath.Join(p.Dir, "default.pgo"); gone(profile) != nil {
		in.add(profile, content)
	}
	for _, pattern := range p.EmbedPatterns {
		in.embedded(p.Dir, pattern)
	}
	in.nested(p)
}

// release reads which release a standard library is of.
func (in *inputs) release(goroot string) {
	version := filepath.Join(goroot, "VERSION")
	if gone(version) == nil {
		in.outside = append(in.outside, goroot+" is of no release, so its packages may change")
		return
	}
	if in.has(version, content) {
		return
	}
	in.add(version, content)
	in.addEither(filepath.Join(goroot, "go.env"))
}

// embedded reads the folders in which a pattern of go:embed may find more files.
func (in *inputs) embedded(dir, pattern string) {
	fixed := strings.TrimPrefix(pattern, "all:")
	if meta := strings.IndexAny(fixed, `*?[\`); meta >= 0 {
		fixed = path.Dir(fixed[:meta] + "x")
	}
	for name := fixed; name != "." && name != "/"; name = path.Dir(name) {
		if parent := filepath.Join(dir, path.Dir(name)); gone(parent) != nil {
			in.add(parent, names)
		}
	}
	err := filepath.WalkDir(filepath.Join(dir, fixed), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			in.add(path, names)
		}
		return err
	})
	if err != nil && in.err == nil {
		in.err = err
	}
}

// shadows reads that nothing in a module of the workspace takes the place of a
// package from elsewhere.
func (in *inputs) shadows(p pkg) {
	for module, dir := range in.localModules() {
		if rest, found := strings.CutPrefix(p.ImportPath, module+"/"); found && !within(dir, p.Dir) {
			if place := filepath.Join(dir, filepath.FromSlash(rest)); gone(place) == nil {
				in.add(place, absence)
			} else {
				in.add(place, sources)
			}
		}
	}
}

// nested reads that no go.mod makes another module of a part of a package's own.
func (in *inputs) nested(p pkg) {
	if p.Module == nil || p.Module.Dir == "" {
		return
	}
	for dir := p.Dir; dir != p.Module.Dir && within(p.Module.Dir, dir); dir = filepath.Dir(dir) {
		in.addEither(filepath.Join(dir, "go.mod"))
	}
}

// wholeModule reads which packages the module has, main ones or not.
func (in *inputs) wholeModule() {
	err := filepath.WalkDir(in.request.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !isGo(entry.Name()) {
			return err
		}
		if !entry.IsDir() {
			in.add(path, content)
			return nil
		}
		if path != in.request.Dir && skipped(path, entry.Name()) {
			return fs.SkipDir
		}
		in.add(path, sources)
		return nil
	})
	if err != nil && in.err == nil {
		in.err = err
	}
}

func isGo(name string) bool { return filepath.Ext(name) == ".go" && isSource(name) }

// skipped says which folders ./... does not enter (go help packages).
func skipped(path, name string) bool {
	if name[0] == '.' || name[0] == '_' || name == "testdata" || name == "vendor" {
		return true
	}
	_, err := os.Lstat(filepath.Join(path, "go.mod"))
	return err == nil
}
