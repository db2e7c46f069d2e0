package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/source"
	"github.com/davit-dev/davit/internal/workshop"
)

// The exit codes, the same for every command.
const (
	exitDone      = 0
	exitFindings  = 1
	exitUsage     = 2
	exitCannot    = 3
	exitRejected  = 4
	exitBack      = 5
	exitUndecided = 6
	exitConflict  = 7
)

// exitError ends a command with a code of its choice. Without a message
// everything was said already.
type exitError struct {
	code    int
	message string
	tip     string
}

// Error implements error.
func (e *exitError) Error() string { return e.message }

// Hint returns the next step.
func (e *exitError) Hint() string { return e.tip }

func (e *exitError) hint(format string, args ...any) *exitError {
	e.tip = fmt.Sprintf(format, args...)
	return e
}

func usageErrorf(format string, args ...any) *exitError {
	return &exitError{code: exitUsage, message: fmt.Sprintf(format, args...)}
}

// silent ends with a code after everything was said.
func silent(code int) error {
	if code == exitDone {
		return nil
	}
	return &exitError{code: code}
}

// report prints an error and its hint, and returns the exit code.
func report(err error, stdio Stdio) int {
	if err == nil {
		return exitDone
	}
	if compile := (*build.CompileError)(nil); errors.As(err, &compile) {
		fmt.Fprint(stdio.Err, compile.Output) // as the compiler prints it
	}
	if err.Error() != "" {
		fmt.Fprintf(stdio.Err, "davit: error: %v\n", err)
	}
	if tip := hintOf(err); tip != "" {
		fmt.Fprintf(stdio.Err, "davit: hint: %s\n", tip)
	}
	return codeOf(err)
}

func hintOf(err error) string {
	if refusal, ok := errors.AsType[*api.Error](err); ok {
		return refusal.Hint
	}
	if errors.Is(err, api.ErrNotRunning) {
		return "run 'davit serve'"
	}
	if tree, ok := errors.AsType[*source.Error](err); ok {
		return tree.Hint
	}
	if compile, ok := errors.AsType[*build.CompileError](err); ok {
		return compile.Hint
	}
	if settings, ok := errors.AsType[*config.Error](err); ok {
		return settings.Hint
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

func codeOf(err error) int {
	var (
		exit     *exitError
		refusal  *api.Error
		findings *app.FindingsError
		tests    *app.TestError
		compile  *build.CompileError
		settings *config.Error
		tree     *source.Error
		input    *workshop.InputError
		failed   *workshop.FailedError
	)
	switch {
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &refusal):
		return codeOfRefusal(refusal.Code)
	case errors.As(err, &findings), errors.As(err, &tests), errors.As(err, &compile), errors.As(err, &failed):
		return exitFindings
	case errors.As(err, &settings), errors.As(err, &tree), errors.As(err, &input):
		return exitUsage
	case errors.Is(err, app.ErrServing):
		return exitConflict
	case errors.Is(err, context.Canceled):
		return exitCannot
	}
	return exitCannot
}

func codeOfRefusal(code release.Code) int {
	switch code {
	case release.CodeInvalid, release.CodeUnknown:
		return exitUsage
	case release.CodeUnderWay, release.CodeBlocked, release.CodeNoWayBack, release.CodeState:
		return exitConflict
	default:
		return exitCannot
	}
}

// codeOfRelease is the exit code of a command that waited for a release.
func codeOfRelease(s release.Summary) int {
	switch s.Outcome {
	case release.Live:
		return exitDone
	case release.Rejected:
		return exitRejected
	case release.RolledBack, release.Aborted, release.Superseded:
		return exitBack
	}
	if s.Waiting != "" {
		return exitUndecided
	}
	return exitDone
}
