package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/audit"
)

// registryUser is the name that goes with the registry's password. With tokens any
// name will do.
const registryUser = "davit"

// server is a running `davit serve` as its clients see it.
type server struct {
	api      *api.Client
	at       Address
	status   api.Status
	registry dock
}

// dock is the registry of a server, and how to get in.
type dock struct {
	scheme, address string // http or https, host:port
	password        string
	transport       http.RoundTripper // nil: the usual one
}

// connect finds a server and checks that its journal goes on from where this user
// saw it last.
func connect(ctx context.Context, at Address) (_ *server, err error) {
	s := &server{at: at}
	if s.api, err = Dial(at); err != nil {
		return nil, err
	}
	if s.status, err = s.api.Status(ctx); err != nil {
		return nil, err
	}
	if s.registry, err = at.dock(s.status); err != nil {
		return nil, err
	}
	return s, s.keepCheckpoint(ctx)
}

// admits says why the server will refuse a release of an app, before anything is
// built for it.
func (s *server) admits(app string) error {
	if err := s.status.You.Need(access.Deployer); err != nil {
		return err
	}
	return s.status.You.NeedApp(app)
}

// keepCheckpoint checks the journal's present head against the last one this
// user saw, and keeps it.
func (s *server) keepCheckpoint(ctx context.Context) error {
	keeper, err := openKeeper()
	if err != nil {
		return err
	}
	origin, err := s.at.origin()
	if err != nil {
		return err
	}
	_, err = keeper.Check(ctx, origin, func(ctx context.Context, old int64) (audit.Head, error) {
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
