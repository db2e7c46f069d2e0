package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/driver/process"
	"github.com/davit-dev/davit/internal/release/traffic"
)

// Down ends the platform of a data folder: the server when one runs, and the
// edge and the apps in any case. It returns when all have ended.
func Down(ctx context.Context, data string) error {
	paths, err := NewPaths(data)
	if err != nil {
		return err
	}
	if _, err := os.Stat(paths.Lock()); errors.Is(err, os.ErrNotExist) {
		return api.ErrNotRunning
	}
	err = api.NewClient(paths.API()).Shutdown(ctx)
	if err != nil && !errors.Is(err, api.ErrNotRunning) {
		return err
	}
	held, err := awaitLock(ctx, paths)
	if err != nil {
		return err
	}
	defer held.Close()
	return sweep(ctx, paths)
}

// awaitLock returns the data folder's lock when the server has let go of it.
func awaitLock(ctx context.Context, paths Paths) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*shutdownLimit)
	defer cancel()
	for {
		held, err := lock(paths.Lock())
		if !errors.Is(err, ErrServing) {
			return held, err
		}
		if !wait(ctx, 50*time.Millisecond) {
			return nil, errors.Join(err, context.Cause(ctx))
		}
	}
}

// sweep ends what an orderly end left, which is everything when control had
// died before.
func sweep(ctx context.Context, paths Paths) error {
	discard := slog.New(slog.DiscardHandler)
	d, err := process.New(process.Config{Dir: paths.Instances(), Hidden: []string{paths.Data}}, discard)
	if err != nil {
		return err
	}
	e := &edge{paths: paths, client: traffic.NewClient(paths.EdgeSocket()), log: discard}
	f := &fleet{driver: d}
	return errors.Join(e.stop(ctx), f.stopAll(ctx, shutdownLimit/2))
}
