// Package prober turns the source of a tiny program, which is part of davit, into
// that program for the platform of an image: it answers health checks and waits
// for other services, where images have no shell to do so.
//
// Its invariant: the same davit and toolchain make the same bytes anywhere. It
// must import no stage.
package prober

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

//go:embed program/answer.go program/main.go program/options.go program/target.go
var program embed.FS

// LeastGo is the oldest toolchain that builds the program.
const LeastGo = "go1.21"

// goMod asks for no newer one, so that none is downloaded.
const goMod = "module davit.invalid/prober\n\ngo 1.21\n"

// Build returns the file of the program, which lies in the cache folder. settings
// are the variables of the go command that decide what it makes: GOOS, GOARCH,
// GOTOOLCHAIN and the like. environ returns the rest of its environment, which
// decides nothing; it is asked only when there is something to build, so that no
// process is started when the program is there already. Calls at the same time,
// of several processes too, do not disturb each other. What was not asked for in
// layer.UnusedAfter is removed from the folder.
func Build(ctx context.Context, cache string, settings []string, environ func() ([]string, error)) (string, error) {
	sources, err := read()
	if err != nil {
		return "", fmt.Errorf("read the prober's source: %w", err)
	}
	target := filepath.Join(cache, key(sources, settings))
	now := time.Now()
	if os.Chtimes(target, now, now) == nil { // it is there, and in use
		return target, nil
	}
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	env, err := environ()
	if err != nil {
		return "", fmt.Errorf("make the prober: %w", err)
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", fmt.Errorf("make the prober: %w", err)
	}
	layer.Sweep(cache, now.Add(-layer.UnusedAfter))
	if err := makeProgram(ctx, target, sources, slices.Concat(env, settings)); err != nil {
		return "", fmt.Errorf("make the prober: %w", err)
	}
	return target, nil
}

// file is one of the program's source.
type file struct {
	name string
	data []byte
}

func read() ([]file, error) {
	sources := []file{{name: "go.mod", data: []byte(goMod)}}
	entries, err := program.ReadDir("program") // sorted by name
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		data, err := program.ReadFile("program/" + e.Name())
		if err != nil {
			return nil, err
		}
		sources = append(sources, file{name: e.Name(), data: data})
	}
	return sources, nil
}

// key names the program by all that decides its bytes.
func key(sources []file, settings []string) string {
	sum := sha256.New()
	for _, f := range sources {
		fmt.Fprintf(sum, "%s %d\n%s", f.name, len(f.data), f.data)
	}
	fmt.Fprintf(sum, "%q %q\n%s\n", settings, os.Getenv("GOROOT"), toolchain())
	return "prober-" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// toolchain says which go command is on PATH: the release that it belongs to, or
// which file it is.
func toolchain() string {
	path, err := exec.LookPath("go")
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if version, err := os.ReadFile(filepath.Join(filepath.Dir(path), "..", "VERSION")); err == nil {
		return string(version)
	}
	info, err := os.Stat(path)
	if err != nil {
		return path
	}
	return fmt.Sprintln(path, info.Size(), info.ModTime().UnixNano())
}

func makeProgram(ctx context.Context, target string, sources []file, env []string) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(target), "build-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, f := range sources {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o600); err != nil {
			return err
		}
	}
	if err := compile(ctx, dir, env); err != nil {
		return err
	}
	made, err := os.ReadFile(filepath.Join(dir, "prober"))
	if err != nil {
		return err
	}
	return atomicfile.Write(target, made, 0o755)
}

// compile has the go command build what is in dir. It ends with ctx, and with it
// the compilers that it started.
func compile(ctx context.Context, dir string, env []string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", "prober", ".")
	cmd.Dir, cmd.Env = dir, append(env, "CGO_ENABLED=0", "GOWORK=off", "PWD="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	output, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("go build: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}
