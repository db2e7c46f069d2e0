package script

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/davit-dev/davit/internal/build/recipe/gocmd"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// build runs go build or go install. The programs are made in a folder that is
// the same the next time, so that nothing is linked again that did not change,
// and then put where the command wants them.
func (g *goRun) build(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return g.checkCgo(inner) })
	group.Go(func() error { return g.make(inner) })
	return group.Wait()
}

func (g *goRun) make(ctx context.Context) error {
	name, into, err := g.output(ctx)
	if err != nil {
		return err
	}
	out := filepath.Join(g.Stage.Out, g.key(name))
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	switch {
	case name == "":
		return g.compile(ctx, os.DevNull)
	case !into:
		program := filepath.Join(out, "program")
		if err := g.compile(ctx, program); err != nil {
			return err
		}
		if _, err := os.Stat(program); errors.Is(err, os.ErrNotExist) {
			return nil // packages without a program
		}
		return g.put(ctx, name, program)
	}
	programs, err := g.compileInto(ctx, out)
	for _, program := range programs {
		if err == nil {
			err = g.put(ctx, path.Join(name, program), filepath.Join(out, program))
		}
	}
	return err
}

// output returns where programs go: a file, or a folder that they go into under
// their own names; "" for nowhere.
func (g *goRun) output(ctx context.Context) (name string, into bool, err error) {
	if g.Kind == gocmd.Install {
		return g.bin(), true, nil
	}
	if g.Output == "/dev/null" {
		return "", false, nil
	}
	if g.Output != "" {
		name := g.abs(path.Join(g.Command.Dir, g.Output))
		if path.IsAbs(g.Output) {
			name = g.Output
		}
		is, err := g.Tree.IsDir(ctx, name)
		return path.Clean(name), is || strings.HasSuffix(g.Output, "/"), err
	}
	if len(g.Packages) > 1 && !strings.HasSuffix(g.Packages[0], ".go") || strings.Contains(strings.Join(g.Packages, " "), "...") {
		list, err := g.goes(ctx, slices.Concat([]string{"list"}, g.listFlags(), g.hosted())...)
		if err != nil || len(strings.Fields(list)) != 1 {
			return "", false, err // of several packages go build keeps nothing
		}
	}
	return g.abs(g.Command.Dir), true, nil
}

// bin is where go install puts programs.
func (g *goRun) bin() string {
	dir := g.goVariable("GOBIN")
	if dir == "" {
		dir = g.goPath() + "/bin"
	}
	goos, arch := cmp.Or(g.goVariable("GOOS"), g.Stage.OS), cmp.Or(g.goVariable("GOARCH"), g.Stage.Arch)
	if goos != g.Stage.OS || arch != g.Stage.Arch {
		return path.Join(dir, goos+"_"+arch)
	}
	return dir
}

// key names a build by what programs it makes, and not by how: go finds out
// itself whether they have to be linked again.
func (g *goRun) key(name string) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q %q", name, g.dir, g.Packages, []string{g.goVariable("GOOS"), g.goVariable("GOARCH"), g.goVariable("GOARM")})
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

func (g *goRun) compile(ctx context.Context, output string) error {
	_, err := g.goes(ctx, g.arguments(output)...)
	return err
}

func (g *goRun) arguments(output string) []string {
	args := []string{"build", "-trimpath"}
	if knowsBuildvcs(g.Stage.Toolchain) {
		args = append(args, "-buildvcs=false")
	}
	if output != "" {
		args = append(args, "-o", output)
	}
	return slices.Concat(args, g.Flags, g.hosted())
}

// knowsBuildvcs tells Go 1.18 and later from older ones, which have no such flag.
func knowsBuildvcs(toolchain string) bool {
	minor := 0
	n, err := fmt.Sscanf(toolchain, "go1.%d", &minor)
	return n == 0 || err != nil || minor >= 18
}

// compileInto builds into a folder and returns the names of the programs. What
// another build left there is removed: go sets the time of what it made and of
// what it found to be right.
func (g *goRun) compileInto(ctx context.Context, out string) ([]string, error) {
	if g.Remote() {
		return g.installRemote(ctx, out)
	}
	long := time.Unix(0, 0)
	if err := eachFile(out, func(name string) error { return os.Chtimes(name, long, long) }); err != nil {
		return nil, err
	}
	err := g.compile(ctx, out+string(filepath.Separator))
	if failed := (*GoError)(nil); errors.As(err, &failed) && strings.Contains(failed.Output, "no main packages to build") {
		_, err := g.goes(ctx, g.arguments("")...)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	var programs []string
	err = eachFile(out, func(name string) error {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if info.ModTime().Equal(long) {
			return os.Remove(name)
		}
		programs = append(programs, filepath.Base(name))
		return nil
	})
	return programs, err
}

func eachFile(dir string, do func(name string) error) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if err == nil && e.Type().IsRegular() {
			err = do(filepath.Join(dir, e.Name()))
		}
	}
	return err
}

// installRemote makes programs of other modules, which go build does not.
func (g *goRun) installRemote(ctx context.Context, out string) ([]string, error) {
	if err := os.RemoveAll(filepath.Join(out, "bin")); err != nil {
		return nil, err
	}
	env := g.env
	g.env = append(slices.Clone(env), "GOPATH="+out, "GOBIN=", "GOFLAGS=-modcacherw")
	defer func() { g.env = env }()
	args := []string{"install", "-trimpath"}
	if knowsBuildvcs(g.Stage.Toolchain) {
		args = append(args, "-buildvcs=false")
	}
	if _, err := g.goes(ctx, slices.Concat(args, g.Flags, g.Packages)...); err != nil {
		return nil, err
	}
	// A program for another platform lies in a folder named after it.
	var programs []string
	for _, dir := range []string{"bin", filepath.Join("bin", path.Base(g.bin()))} {
		from := filepath.Join(out, dir)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		err := eachFile(from, func(name string) error {
			programs = append(programs, filepath.Base(name))
			return os.Rename(name, filepath.Join(out, filepath.Base(name)))
		})
		if err != nil {
			return nil, err
		}
	}
	return programs, nil
}

// put puts a program where the command wants it.
func (g *goRun) put(ctx context.Context, name, program string) error {
	if err := g.Tree.MkdirAll(ctx, path.Dir(name), 0o755, g.User); err != nil {
		return err
	}
	return g.Tree.PutLinked(ctx, name, program, tree.Info{Mode: 0o755, Owner: g.User})
}

// listFlags are those that decide which packages there are.
func (g *goRun) listFlags() []string {
	var flags []string
	for _, f := range g.Flags {
		if strings.HasPrefix(f, "-tags=") || strings.HasPrefix(f, "-mod=") {
			flags = append(flags, f)
		}
	}
	return flags
}

// checkCgo refuses programs that Docker would build with C: without, they may
// compile and not work.
func (g *goRun) checkCgo(ctx context.Context) error {
	if !g.cgo() || g.Remote() {
		return nil
	}
	run := *g
	run.env = append(slices.Clone(g.env), "CGO_ENABLED=1")
	list, err := run.goes(ctx, slices.Concat([]string{
		"list", "-deps", "-f", "{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}",
	}, g.listFlags(), g.hosted())...)
	if failed := (*GoError)(nil); errors.As(err, &failed) {
		return nil // what is wrong with the packages, go build says better
	}
	if err != nil {
		return err
	}
	if wants := strings.Fields(list); len(wants) > 0 {
		return &RefusalError{
			Reason: wants[0] + " imports C, so that the program needs a C compiler",
			Hint:   "use a package in pure Go, or set CGO_ENABLED=0 when the program works without it; else let BuildKit, Docker or Podman build it",
		}
	}
	return nil
}

// cgo tells whether the image would compile C: when it is asked for, and else
// when there is a compiler and the program is for the image itself (go doc cmd/cgo).
func (g *goRun) cgo() bool {
	switch g.goVariable("CGO_ENABLED") {
	case "0":
		return false
	case "":
		return g.Stage.Compiler && strings.HasSuffix(g.bin(), "/bin") ||
			g.Stage.Compiler && g.goVariable("GOBIN") != "" && g.bin() == g.goVariable("GOBIN")
	}
	return true
}
