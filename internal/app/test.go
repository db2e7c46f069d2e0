package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/davit-dev/davit/internal/source"
)

// TestError says that the service's own tests, or go vet, found something.
type TestError struct {
	Command string
}

// Error implements error.
func (e *TestError) Error() string { return e.Command + " failed" }

// vetAndTest runs what a Go developer runs. Go's cache makes it cheap when
// nothing changed. What the tools print is shown only when they fail.
func vetAndTest(ctx context.Context, tree source.Tree, output io.Writer) error {
	for _, verb := range []string{"vet", "test"} {
		printed, err := goCommand(ctx, tree.Dir, verb, "./...")
		if err != nil {
			_, _ = output.Write(printed)
			return err
		}
	}
	return nil
}

// goCommand runs the go command in a folder and returns what it printed. That it
// found something is an error of type *TestError.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	env, err := source.GoEnv()
	if err != nil {
		return nil, err
	}
	var printed bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = &printed, &printed
	err = cmd.Run()
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &exit):
		return printed.Bytes(), &TestError{Command: "go " + strings.Join(args, " ")}
	case err != nil:
		return nil, fmt.Errorf("run go %s: %w", args[0], err)
	}
	return printed.Bytes(), nil
}
