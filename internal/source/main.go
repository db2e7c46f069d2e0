package source

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Main is a main package of a Tree.
type Main struct {
	Package string // import path
	Dir     string // folder in the module with forward slashes: "cmd/orders", or "."
	Name    string // what go build would call the binary
}

// Select picks the main packages to build. wanted are folders, import paths or
// patterns such as ./... and ./cmd/...; none are the module's only main package.
// Errors are of type *Error.
func (t Tree) Select(wanted []string) ([]Main, error) {
	if len(wanted) == 0 {
		wanted = []string{""}
	}
	var mains []Main
	for _, want := range wanted {
		matched, err := t.match(want)
		if err != nil {
			return nil, err
		}
		for _, main := range matched {
			if !slices.Contains(mains, main) {
				mains = append(mains, main)
			}
		}
	}
	return mains, nil
}

// match returns the main packages that one of Select's words means.
func (t Tree) match(want string) ([]Main, error) {
	prefix, isPattern := strings.CutSuffix(want, "...")
	if !isPattern {
		main, err := t.Main(want)
		return []Main{main}, err
	}
	folder := path.Clean(strings.TrimSuffix(prefix, "/"))
	var mains []Main
	for _, main := range t.Mains {
		for _, name := range []string{main.Dir, main.Package} {
			if folder == "." || name == folder || strings.HasPrefix(name, folder+"/") {
				mains = append(mains, main)
				break
			}
		}
	}
	if len(mains) == 0 {
		return nil, &Error{Message: fmt.Sprintf("no main package matches %s", want), Hint: "the main packages are " + t.mainDirs()}
	}
	return mains, nil
}

// Main picks the main package to build. want is a folder of the module
// ("cmd/orders", "./cmd/orders", ".") or an import path; empty, it is the
// module's only main package. Errors are of type *Error.
func (t Tree) Main(want string) (Main, error) {
	if len(t.Mains) == 0 {
		return Main{}, &Error{
			Message: fmt.Sprintf("module %s has no main package that builds for linux/amd64 without cgo", t.Module),
			Hint:    "a folder of the module needs files with 'package main' that no build constraint excludes",
		}
	}
	if want == "" {
		if len(t.Mains) > 1 {
			return Main{}, &Error{
				Message: fmt.Sprintf("module %s has several main packages: %s", t.Module, t.mainDirs()),
				Hint:    "say which one in davit.yaml, for example 'build.main: " + t.Mains[0].Dir + "'",
			}
		}
		return t.Mains[0], nil
	}
	dir := path.Clean(filepath.ToSlash(want))
	for _, main := range t.Mains {
		if main.Package == want || main.Dir == dir {
			return main, nil
		}
	}
	return Main{}, &Error{
		Message: fmt.Sprintf("build.main: %q is not a main package of module %s", want, t.Module),
		Hint:    "its main packages are: " + t.mainDirs(),
	}
}

// mainDirs lists the main packages for people, at most ten.
func (t Tree) mainDirs() string {
	const most = 10
	var dirs []string
	for i, main := range t.Mains {
		if i == most {
			dirs = append(dirs, fmt.Sprintf("and %d more", len(t.Mains)-most))
			break
		}
		dirs = append(dirs, main.Dir)
	}
	return strings.Join(dirs, ", ")
}

// everything is the pattern for all packages of a module. With -e, go list
// reports a pattern that it cannot follow as a package of that name.
const everything = "./..."

// listMains asks the go command, which alone knows every build constraint. With
// -find it resolves no imports, so it needs neither network nor module cache.
func listMains(ctx context.Context, root string) ([]Main, error) {
	env, err := GoEnv()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-find", "-e", "-buildvcs=false",
		"-json=ImportPath,Dir,Name,GoFiles,Error", everything)
	cmd.Dir = root
	cmd.Env = append(env, "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := output(cmd)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, &Error{Message: "list the packages of " + root + ": " + err.Error(), Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", root, err)
	}
	return parseMains(root, out)
}

// parseMains picks the main packages from what go list printed about root.
func parseMains(root string, list []byte) ([]Main, error) {
	var mains []Main
	decoder := json.NewDecoder(bytes.NewReader(list))
	for {
		var pkg struct {
			ImportPath, Dir, Name string
			GoFiles               []string
			Error                 *struct{ Err string }
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		if pkg.ImportPath == everything && pkg.Error != nil {
			return nil, &Error{
				Message: fmt.Sprintf("list the packages of %s: %s", root, pkg.Error.Err),
				Hint:    "where a go.work is the reason, 'go work use .' in the module adds it",
			}
		}
		if pkg.Name != "main" || len(pkg.GoFiles) == 0 {
			continue
		}
		dir, err := filepath.Rel(root, pkg.Dir)
		if err != nil {
			return nil, fmt.Errorf("place package %s: %w", pkg.ImportPath, err)
		}
		mains = append(mains, Main{Package: pkg.ImportPath, Dir: filepath.ToSlash(dir), Name: binaryName(pkg.ImportPath)})
	}
	slices.SortFunc(mains, func(a, b Main) int { return cmp.Compare(a.Dir, b.Dir) })
	return mains, nil
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// binaryName names a binary as 'go help install' has it: the last element of
// the import path, the one before it when the last is a major version.
func binaryName(importPath string) string {
	dir, name := path.Split(importPath)
	if majorVersion.MatchString(name) && dir != "" {
		return path.Base(dir)
	}
	return name
}
