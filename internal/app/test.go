package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"

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
	env, err := source.GoEnv()
	if err != nil {
		return err
	}
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		var printed bytes.Buffer
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = tree.Dir, env
		cmd.Stdout, cmd.Stderr = &printed, &printed
		err := cmd.Run()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			_, _ = output.Write(printed.Bytes())
			return &TestError{Command: fmt.Sprintf("go %s %s", args[0], args[1])}
		}
	}
	return nil
}
