package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/audit"
)

// registryUser is the name that goes with the registry's password.
const registryUser = "davit"

// server is a running `davit serve` as its clients see it.
type server struct {
	api      *api.Client
	paths    Paths
	status   api.Status
	password string
}

// Dial returns a client for the server of a data folder, without connecting.
func Dial(data string) (*api.Client, error) {
	paths, err := NewPaths(data)
	if err != nil {
		return nil, err
	}
	return api.NewClient(paths.API()), nil
}

// connect finds the server of a data folder and checks that its journal goes on
// from where this user saw it last.
func connect(ctx context.Context, data string) (*server, error) {
	paths, err := NewPaths(data)
	if err != nil {
		return nil, err
	}
	s := &server{api: api.NewClient(paths.API()), paths: paths}
	if s.status, err = s.api.Status(ctx); err != nil {
		return nil, err
	}
	if s.password, err = password(paths.Password()); err != nil {
		return nil, err
	}
	return s, s.keepCheckpoint(ctx)
}

// keepCheckpoint checks the journal's present head against the last one this
// user saw, and keeps it.
func (s *server) keepCheckpoint(ctx context.Context) error {
	keeper, err := openKeeper()
	if err != nil {
		return err
	}
	_, err = keeper.Check(ctx, s.paths.Data, func(ctx context.Context, old int64) (audit.Head, error) {
		head, err := s.api.Checkpoint(ctx, old)
		return audit.Head{Note: head.Note, Key: head.Key, Proof: head.Proof}, err
	})
	if contradiction, ok := errors.AsType[*audit.ContradictionError](err); ok {
		return &HintError{Err: err, Tip: "if the data folder was made anew on purpose, remove " + contradiction.File}
	}
	return err
}

// HintError is an error with a known next step.
type HintError struct {
	Err error
	Tip string
}

// Error implements error.
func (e *HintError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e *HintError) Unwrap() error { return e.Err }

// Hint returns the next step.
func (e *HintError) Hint() string { return e.Tip }

// openKeeper returns this user's memory of checkpoints. It is outside of every
// data folder, so that who changes a journal does not change it as well.
func openKeeper() (*audit.Keeper, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("find a folder for checkpoints: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return audit.Keep(filepath.Join(state, "davit-checkpoints")), nil
}
