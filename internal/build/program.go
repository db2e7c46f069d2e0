package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/davit-dev/davit/internal/source"
)

// CompileError is what the go command said about a program that it could not
// build. Output is shown to people as it is.
type CompileError struct {
	Package string
	Output  string // the lines of the compiler, the linker or the go command
}

// Error implements error; it is one line, with the first of the compiler's.
func (e *CompileError) Error() string {
	for line := range strings.Lines(e.Output) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return fmt.Sprintf("compile %s: %s", e.Package, line)
		}
	}
	return fmt.Sprintf("compile %s: the go command failed without a word", e.Package)
}

// program is a compiled main package in the cache. Nobody else changes the file
// until it is closed.
type program struct {
	path string
	lock *os.File
}

func (p program) Close() error { return p.lock.Close() }

// entry returns the program as it stands in an image.
func (p program) entry(name string) (entry, error) {
	info, err := os.Stat(p.path)
	if err != nil {
		return entry{}, fmt.Errorf("look at program: %w", err)
	}
	return entry{
		name: strings.TrimPrefix(name, "/"), mode: 0o755, size: info.Size(),
		open: func() (io.ReadCloser, error) { return os.Open(p.path) },
	}, nil
}

// compile builds a main package to a place that is the same each time, because
// the go command then finds the last result there and does not link again.
func (b *Builder) compile(ctx context.Context, tree source.Tree, main source.Main) (program, error) {
	dir := filepath.Join(b.programs, b.programKey(tree, main))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return program{}, fmt.Errorf("make a folder for the program: %w", err)
	}
	held, err := lock(ctx, filepath.Join(dir, "lock"), func() { b.tell(Event{Step: Waiting, Subject: main.Package}) })
	if err != nil {
		return program{}, err
	}
	p := program{path: filepath.Join(dir, "program"), lock: held}
	if err := b.link(ctx, tree, main, dir, p.path); err != nil {
		return program{}, errors.Join(err, p.Close())
	}
	return p, nil
}

// programKey names the place of a program: by all that is asked for, so that
// two ways to build one package do not take turns at one place.
func (b *Builder) programKey(tree source.Tree, main source.Main) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q", tree.Dir, main.Package, b.arguments())
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Env)) {
		fmt.Fprintf(sum, " %q=%q", name, b.cfg.Env[name])
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
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

// link runs go build. It leaves a whole program at target, or an error.
func (b *Builder) link(ctx context.Context, tree source.Tree, main source.Main, dir, target string) error {
	if err := checkProgram(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		// Go would take a damaged file for the last result.
		if err := os.Remove(target); err != nil {
			return fmt.Errorf("remove a damaged program: %w", err)
		}
	}
	// On the same file system go renames its result to target, which is never
	// half there then. What a davit that was killed left goes away here.
	temp := filepath.Join(dir, "tmp")
	if err := errors.Join(os.RemoveAll(temp), os.Mkdir(temp, 0o700)); err != nil {
		return fmt.Errorf("make a folder for go build: %w", err)
	}
	env, err := source.GoEnv(ctx)
	if err != nil {
		return err
	}
	env = append(env, "GOTMPDIR="+temp)
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Env)) {
		env = append(env, name+"="+b.cfg.Env[name])
	}
	env = append(env, "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	args := append([]string{"build", "-o", target}, b.arguments()...)
	cmd := goCommand(ctx, append(args, main.Package)...)
	cmd.Dir, cmd.Env = tree.Dir, env
	b.tell(Event{Step: Compiling, Subject: main.Package})
	if err := b.runGo(ctx, cmd, main.Package); err != nil {
		return err
	}
	if err := checkProgram(target); err != nil {
		return fmt.Errorf("check the program of %s: %w", main.Package, err)
	}
	return nil
}

// goCommand prepares a go command that ends with ctx, and with it the compilers
// that it started, in order first and by force after five seconds.
func goCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func (b *Builder) runGo(ctx context.Context, cmd *exec.Cmd, pkg string) error {
	said := &talk{tell: func(line string) { b.tell(Event{Step: Downloading, Subject: line}) }}
	cmd.Stdout, cmd.Stderr = said, said
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("compile %s: %w", pkg, context.Cause(ctx))
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return &CompileError{Package: pkg, Output: said.text()}
	}
	if err != nil {
		return fmt.Errorf("run go build: %w", err)
	}
	return nil
}

// talk keeps what the go command says, apart from what it downloads: that is
// told while it happens.
type talk struct {
	tell func(line string)
	kept bytes.Buffer
	line []byte // the last, not ended yet
}

// mostTalk bounds what is kept of a go command that does not stop, in bytes.
const mostTalk = 1 << 20

func (t *talk) Write(p []byte) (int, error) {
	t.line = append(t.line, p...)
	for {
		end := bytes.IndexByte(t.line, '\n')
		if end < 0 && len(t.line) < mostTalk {
			return len(p), nil
		}
		if end < 0 {
			end = len(t.line) - 1
		}
		t.take(t.line[:end+1])
		t.line = t.line[end+1:]
	}
}

func (t *talk) take(line []byte) {
	if what, found := strings.CutPrefix(strings.TrimSpace(string(line)), "go: downloading "); found {
		t.tell(what)
		return
	}
	if t.kept.Len()+len(line) <= mostTalk {
		t.kept.Write(line)
	}
}

func (t *talk) text() string {
	if len(t.line) > 0 {
		t.take(t.line)
		t.line = nil
	}
	return t.kept.String()
}
