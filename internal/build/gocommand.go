package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// CompileError is what the go command said about programs that it could not
// build. Output is shown to people as it is.
type CompileError struct {
	Package string
	Output  string // the lines of the compiler, the linker or the go command
	Hint    string // what to do next; may be empty
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

// goCommand prepares a go command that ends with ctx, and with it the compilers
// that it started, in order first and by force after five seconds.
func goCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// runGo runs a go command and returns what it said. The error is the context's
// or that of a command that failed.
func (b *Builder) runGo(ctx context.Context, cmd *exec.Cmd) (string, error) {
	said := &talk{tell: func(line string) { b.tell(Event{Step: Downloading, Subject: line}) }}
	cmd.Stdout, cmd.Stderr = said, said
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("compile: %w", context.Cause(ctx))
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return fmt.Sprintf("run go build: %v", err), err
	}
	return said.text(), err
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

// Write implements io.Writer.
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
