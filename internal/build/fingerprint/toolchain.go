package fingerprint

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// toolchain notes which go command it is, and with which compiler and standard
// library. A script in place of the go command may run any other, which shows
// nowhere.
func (in *inputs) toolchain(ctx context.Context, goPath string, packages []pkg) {
	used := goroot(packages)
	real, err := filepath.EvalSymlinks(goPath)
	if err != nil || used == "" {
		in.leave("the go command is not on PATH")
		return
	}
	own := filepath.Dir(filepath.Dir(real))
	if !isProgram(real) || !in.there(filepath.Join(own, "VERSION")) || filepath.Base(real) != "go" {
		in.leave(goPath + " is not the go command of a Go release, but something in its place")
		return
	}
	in.add(goPath, stamped)
	in.release(own, stamped)
	switch fixed := variable(in.request.Env, "GOROOT"); {
	case sameFolder(used, own):
	case fixed != "" && sameFolder(used, fixed):
		in.release(used, stamped)
	case within(in.cache, used) && in.speaksFor(ctx, own):
		in.release(used, cached)
		in.notOnPath(used)
	default:
		in.leave(goPath + " works with the Go release in " + used + ", and is not a part of it")
	}
}

// goroot returns the folder of the Go release that packages are built with.
func goroot(packages []pkg) string {
	for _, p := range packages {
		if dir, found := strings.CutSuffix(filepath.ToSlash(p.Dir), "/src/runtime"); found && p.ImportPath == "runtime" {
			return dir
		}
	}
	return ""
}

// isProgram says whether a file is compiled, and not a script.
func isProgram(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 4)
	_, err = f.Read(magic)
	return err == nil && bytes.Equal(magic, []byte("\x7fELF"))
}

func sameFolder(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// release notes what of a Go release takes part in a build beside the packages.
func (in *inputs) release(root string, k kind) {
	if !in.there(filepath.Join(root, "VERSION")) {
		in.leave(root + " is of no release, so anything in it may change")
		return
	}
	in.add(filepath.Join(root, "VERSION"), content)
	in.file(filepath.Join(root, "go.env"))
	in.add(filepath.Join(root, "bin", "go"), k)
	folders := []string{"pkg/include"}
	tools, err := filepath.Glob(filepath.Join(root, "pkg", "tool", "*"))
	in.keep(err)
	for _, dir := range tools {
		folders = append(folders, "pkg/tool/"+filepath.Base(dir))
	}
	if variable(in.request.Env, "GOFIPS140") != "" {
		folders = append(folders, "lib/fips140")
	}
	for _, dir := range folders {
		in.folder(filepath.Join(root, filepath.FromSlash(dir)), k)
	}
}

func (in *inputs) folder(dir string, k kind) {
	if !in.there(dir) {
		in.add(dir, present)
		return
	}
	entries, err := os.ReadDir(dir)
	in.keep(err)
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
	}
	in.add(dir, k, files...)
}

// speaksFor asks a go command that switched to another release whether it is
// that of its own one.
func (in *inputs) speaksFor(ctx context.Context, own string) bool {
	output, err := in.request.run(ctx, []string{"env", "GOROOT"}, append(slices.Clone(in.request.Env), "GOTOOLCHAIN=local"))
	return err == nil && sameFolder(string(bytes.TrimSpace(output)), own)
}

var toolchainFolder = regexp.MustCompile(`@v0\.0\.1-(go[^/]+?)\.[a-z0-9]+-[a-z0-9]+$`)

// notOnPath notes that a release that was switched to is on no folder of PATH,
// where the go command looks for it before it takes the one that it downloaded
// (go.dev/doc/toolchain, "Go toolchain selection").
func (in *inputs) notOnPath(used string) {
	name := toolchainFolder.FindStringSubmatch(filepath.ToSlash(used))
	if name == nil {
		in.leave("the Go release in " + used + " has no name")
		return
	}
	for _, dir := range filepath.SplitList(variable(in.request.Env, "PATH")) {
		in.add(in.absolute(filepath.Join(dir, name[1])), present)
	}
}
