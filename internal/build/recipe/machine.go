package recipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/recipe/script"
	"github.com/davit-dev/davit/internal/source"
)

func (r *run) newMachine() script.Machine {
	m := script.Machine{Go: r.world.Go, Git: runGit, Roots: r.world.Roots, Zones: r.world.Zones}
	if m.Go == nil {
		local := localGo{temp: r.temp()}
		m.Go = local.run
	}
	if m.Roots == nil {
		m.Roots = func() []byte { return nil }
	}
	if m.Zones == nil {
		m.Zones = func() ([]layer.Entry, error) { return nil, nil }
	}
	return m
}

// localGo is the go command of this machine.
type localGo struct {
	temp string
	once sync.Once
	env  []string
	err  error
}

func (l *localGo) run(ctx context.Context, c script.GoCommand) (string, error) {
	l.once.Do(func() { l.env, l.err = source.GoEnv() })
	if l.err != nil {
		return "", l.err
	}
	cmd := exec.CommandContext(ctx, "go", c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = slices.Concat(l.env, []string{"GOTMPDIR=" + l.temp}, c.Env, []string{"PWD=" + c.Dir})
	// The compilers that go started end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", &script.GoError{Output: complaint(stderr.String())}
	}
	return stdout.String(), err
}

// complaint leaves out what go tells while it downloads.
func complaint(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line != "" && !strings.HasPrefix(line, "go: downloading ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// runGit runs git so that nothing in the repository can start a program, nothing
// is written and nothing is fetched.
func runGit(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{
		"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.bareRepository=explicit",
		"-c", "safe.directory=" + dir,
	}, args...)...)
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GIT_") && !strings.HasPrefix(variable, "PWD=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_DIR="+filepath.Join(dir, ".git"), "GIT_WORK_TREE="+dir,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1",
		"GIT_ALLOW_PROTOCOL=", "GIT_NO_REPLACE_OBJECTS=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", &script.RefusalError{Reason: "git is not on this machine", Hint: "install it, or pass the version as a build argument"}
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// goHere returns the Go of this machine.
func (r *run) goHere(ctx context.Context) (string, error) {
	if r.here != "" {
		return r.here, nil
	}
	out, err := r.machine.Go(ctx, script.GoCommand{
		Dir: r.world.Scratch, Args: []string{"env", "GOVERSION"}, Env: []string{"GOTOOLCHAIN=local", "GOWORK=off"},
	})
	r.here = strings.TrimSpace(out)
	return r.here, err
}

// recordGo keeps which Go compiled: go.mod may ask for a newer one.
func (r *run) recordGo(ctx context.Context, s *stage) error {
	if !s.facts.Golang || s.base.kind == fromStage && r.release != "" {
		return nil
	}
	dir, err := s.tree.Host(ctx, s.config.WorkingDir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		dir = r.world.Scratch
	}
	env := []string{"GOWORK=off"}
	if s.facts.Toolchain != "" {
		env = append(env, "GOTOOLCHAIN="+s.facts.Toolchain)
	}
	out, err := r.machine.Go(ctx, script.GoCommand{Dir: dir, Args: []string{"env", "GOVERSION"}, Env: env})
	r.release = strings.TrimSpace(out)
	return err
}
