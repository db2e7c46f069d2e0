package project

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Deps is what the go command tells of all that a program imports, the packages
// of other modules among it.
type Deps struct {
	Known   bool     // the go command could load the packages
	Std     []string // of net, os/user and plugin, which use cgo when it is on
	Cgo     []string // others that use cgo when it is on
	OnlyCgo []string // those of them that do nothing without it
}

// listPatience bounds how long the go command may take.
const listPatience = 30 * time.Second

// Deps asks `go list`, once for each set of packages, with what is on this
// machine: nothing is downloaded, and no code of the module is run.
func (p *Project) Deps(d *Dockerfile, made Product) Deps {
	m := d.Module
	if m == nil || m.Problem != "" {
		return Deps{}
	}
	packages := made.Of.Go.Packages
	if len(packages) == 0 {
		packages = []dockerfile.Value{{Text: ".", Known: true}}
	}
	var patterns []string
	for _, pkg := range packages {
		dir, found := p.PackageDir(d, made, pkg)
		rel, err := filepath.Rel(m.Dir, dir)
		switch {
		case !found || dir != "" && (err != nil || !filepath.IsLocal(rel)):
			return Deps{}
		case dir == "":
			patterns = append(patterns, "./...")
		default:
			patterns = append(patterns, "./"+filepath.ToSlash(rel))
		}
	}
	return m.list(patterns, made.Of.Go.Tags)
}

func (m *Module) list(patterns, tags []string) Deps {
	m.listing.Lock()
	defer m.listing.Unlock()
	key := strings.Join(patterns, "\x00") + "\x00\x00" + strings.Join(tags, ",")
	if known, found := m.listed[key]; found {
		return known
	}
	ctx, cancel := context.WithTimeout(context.Background(), listPatience)
	defer cancel()
	args := []string{"list", "-deps", "-tags=" + strings.Join(tags, ","), "-json=ImportPath,Standard,CgoFiles,GoFiles,IgnoredGoFiles", "--"}
	cmd := exec.CommandContext(ctx, "go", append(args, patterns...)...)
	cmd.Dir = m.Dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS=linux", "GOPROXY=off", "GOTOOLCHAIN=local", "GOFLAGS=", "PWD="+m.Dir)
	output, err := cmd.Output()
	var deps Deps
	if err == nil {
		deps = readDeps(output)
	}
	if m.listed == nil {
		m.listed = map[string]Deps{}
	}
	m.listed[key] = deps
	return deps
}

// readDeps reads what `go list -json` writes: one value after another.
func readDeps(output []byte) Deps {
	var out Deps
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var pkg struct {
			ImportPath                        string
			Standard                          bool
			CgoFiles, GoFiles, IgnoredGoFiles []string
		}
		err := decoder.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Deps{}
		}
		out.Known = true
		switch {
		case slices.Contains([]string{"net", "os/user", "plugin"}, pkg.ImportPath):
			out.Std = append(out.Std, pkg.ImportPath)
		case pkg.Standard || len(pkg.CgoFiles) == 0:
		default:
			out.Cgo = append(out.Cgo, pkg.ImportPath)
			if isStubWithoutCgo(pkg.ImportPath) || len(pkg.GoFiles) == 0 && len(pkg.IgnoredGoFiles) == 0 {
				out.OnlyCgo = append(out.OnlyCgo, pkg.ImportPath)
			}
		}
	}
	slices.Sort(out.Std)
	return out
}

// isStubWithoutCgo knows packages that compile without cgo and then fail when
// they are called.
func isStubWithoutCgo(pkg string) bool {
	return slices.Contains([]string{"github.com/mattn/go-sqlite3", "github.com/mutecomm/go-sqlcipher/v4", "github.com/marcboeker/go-duckdb"}, pkg)
}
