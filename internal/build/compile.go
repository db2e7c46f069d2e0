package build

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build/fingerprint"
	"github.com/davit-dev/davit/internal/source"
)

// compiled are the programs of one platform. Nobody else changes their files
// while the lock of their place is held.
type compiled struct {
	platform v1.Platform
	programs []program
}

// request is what one call asks for.
type request struct {
	wanted []string      // as it was asked for: folders or import paths; none: the only main package
	mains  []source.Main // what that is in the tree

	renewed map[string]*fingerprint.Pending // by the folder of a place; nil where it is not known
}

// lookedUp says whether a main package that appears elsewhere in the module could
// change what is meant.
func (r request) lookedUp() bool {
	return len(r.wanted) == 0 || slices.ContainsFunc(r.wanted, func(w string) bool { return strings.Contains(w, "...") })
}

// compile builds main packages to a place that is the same each time, because
// the go command then finds the last result there and does not link again.
func (b *Builder) compile(ctx context.Context, at place, tree source.Tree, ask request) (compiled, error) {
	since := time.Now()
	env, err := b.goEnv(at)
	if err != nil {
		return compiled{}, err
	}
	inputs := b.watch(ctx, at, tree, ask, env, since)
	c, err := b.compileAll(ctx, at, tree, ask.mains, env)
	if err != nil {
		inputs.abandon()
		return compiled{}, err
	}
	inputs.keep(c)
	return c, nil
}

func (b *Builder) compileAll(ctx context.Context, at place, tree source.Tree, mains []source.Main, env []string) (compiled, error) {
	for _, group := range at.groups(tree, mains) {
		if err := b.link(ctx, tree, group, env); err != nil {
			return compiled{}, err
		}
	}
	c := compiled{platform: at.platform}
	for _, main := range mains {
		p, err := openProgram(main, filepath.Join(at.folder(tree, main), main.Name), at.platform)
		if err != nil {
			return compiled{}, fmt.Errorf("check the program of %s: %w", main.Package, err)
		}
		c.programs = append(c.programs, p)
	}
	return c, nil
}

// arguments returns those that decide what comes out. The revision is kept out
// of the program, or each commit would make another one of the same source.
func (b *Builder) arguments() []string {
	args := append([]string{"-trimpath", "-buildvcs=false"}, b.cfg.Flags...)
	if len(b.cfg.Tags) > 0 {
		args = append(args, "-tags="+strings.Join(b.cfg.Tags, ","))
	}
	if len(b.cfg.Ldflags) > 0 {
		args = append(args, "-ldflags="+strings.Join(b.cfg.Ldflags, " "))
	}
	return args
}

// goEnv is the environment of the go command.
func (b *Builder) goEnv(at place) ([]string, error) {
	env, err := source.GoEnv()
	if err != nil {
		return nil, err
	}
	env = append(env, "GOTMPDIR="+at.temp())
	if b.opts.Toolchain != "" {
		env = append(env, "GOTOOLCHAIN="+b.opts.Toolchain)
	}
	return append(env, b.settings(at.platform)...), nil
}

// settings are the part of the environment that davit.yaml decides.
func (b *Builder) settings(p v1.Platform) []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Env)) {
		env = append(env, name+"="+b.cfg.Env[name])
	}
	cgo := "0"
	if b.cfg.Cgo {
		cgo = "1"
	}
	return append(append(env, PlatformEnv(p)...), "CGO_ENABLED="+cgo)
}

// link runs go build for the main packages of a folder. It leaves whole
// programs, or an error.
func (b *Builder) link(ctx context.Context, tree source.Tree, g group, env []string) error {
	if err := g.prepare(); err != nil {
		return err
	}
	args := append([]string{"build", "-o", g.folder + string(filepath.Separator)}, b.arguments()...)
	for _, main := range g.mains {
		args = append(args, main.Package)
		b.tell(Event{Step: Compiling, Subject: main.Package})
	}
	cmd := goCommand(ctx, args...)
	cmd.Dir, cmd.Env = tree.Dir, env
	said, err := b.runGo(ctx, cmd)
	if err == nil || ctx.Err() != nil {
		return err
	}
	problem := &CompileError{Package: g.mains[0].Package, Output: said}
	if !b.cfg.Cgo {
		problem.Hint = cgoHint(ctx, tree, g.mains, env)
	}
	return problem
}
