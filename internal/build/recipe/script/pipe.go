package script

import (
	"bytes"
	"context"
	"errors"

	"mvdan.cc/sh/v3/syntax"
)

// pipe runs a | b: each in a shell of its own, one after the other.
func (s *Shell) pipe(ctx context.Context, c *syntax.BinaryCmd) (int, error) {
	if c.Op != syntax.Pipe {
		return 0, refuse("a pipe (%s) is not understood", c.Op)
	}
	left := s.inner()
	var printed bytes.Buffer
	left.out, left.tested = &printed, s.tested+1
	first, err := exited(left.stmt(ctx, c.X))
	s.back(left)
	if err != nil {
		return 0, err
	}
	if printed.Len() > mostFile {
		return 0, refuse("what goes through a pipe is too long")
	}
	right := s.inner()
	right.input = printed.String()
	last, err := exited(right.stmt(ctx, c.Y))
	s.back(right)
	if last == 0 && s.pipefail {
		last = first
	}
	return last, err
}

// exited turns the end of a shell of its own into its status.
func exited(status int, err error) (int, error) {
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		return exit.status, nil
	}
	return status, err
}
