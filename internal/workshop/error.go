package workshop

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/davit-dev/davit/internal/build/recipe"
	"github.com/davit-dev/davit/internal/build/recipe/script"
)

// InputError says that what was asked for, or what a file of the module says,
// cannot be: trying again does not help.
type InputError struct{ Err error }

// Error implements error.
func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap returns what cannot be.
func (e *InputError) Unwrap() error { return e.Err }

// FailedError says that a command of a Dockerfile failed, as it would with every
// builder.
type FailedError struct{ Err error }

// Error implements error.
func (e *FailedError) Error() string { return e.Err.Error() }

// Unwrap returns which command it was.
func (e *FailedError) Unwrap() error { return e.Err }

func inputErrorf(format string, args ...any) error {
	return &InputError{fmt.Errorf(format, args...)}
}

// input is for the errors of what reads what somebody wrote. What the system says
// about the file itself is no fault of the text, unless the file is not there.
func input(err error) error {
	if about := (*fs.PathError)(nil); err == nil || errors.As(err, &about) && !errors.Is(about, fs.ErrNotExist) {
		return err
	}
	return &InputError{err}
}

// fetchError is about a base that a Dockerfile names: who wrote it need not be
// wrong.
type fetchError struct{ error }

// Unwrap returns what happened.
func (e fetchError) Unwrap() error { return e.error }

// whose tells apart what goes wrong when a Dockerfile is executed.
func whose(err error) error {
	about, failed, fetched := (*recipe.Error)(nil), (*script.FailedError)(nil), fetchError{}
	switch {
	case !errors.As(err, &about), errors.As(err, &fetched):
		return err
	case errors.As(err, &failed):
		return &FailedError{err}
	}
	return input(err)
}
