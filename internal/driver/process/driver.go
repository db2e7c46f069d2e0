// Package process runs instances as processes of this machine. Each has a shim:
// a small process of its own that starts the program in a root of its own,
// restarts it, asks for its health and keeps its log. Shims do not depend on
// whoever started them, so instances survive control; a Driver finds them again
// through the folder. An instance is never without its shim: the program dies
// with it. The package knows the values of driver and nothing else of the
// project.
package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

// Config says where and how instances run.
type Config struct {
	Dir               string   // folder of the instances
	Hidden            []string // folders that an instance must never read, such as the data folder
	AcceptUnsandboxed bool     // run instances although nothing confines them
	Tether            bool     // instances end with this process
	Executable        string   // what has the commands shim and shim-init; "" is this program
	Level             Level    // "" is the best that can be had here
	Volumes           string   // folder of what is kept from version to version; "": there is none
	Proc              string   // where proc(5) says which cgroups there are; "" is /proc
	Processes         int      // most processes and threads of an instance; 0 is 4096
}

// Driver starts, stops and finds instances. It is safe for concurrent use.
type Driver struct {
	cfg   Config
	log   *slog.Logger
	probe func() Level

	mu    sync.Mutex
	locks map[string]chan struct{} // by instance; whoever can send holds it
}

// New checks the configuration. It starts nothing and makes no folder.
func New(cfg Config, log *slog.Logger) (*Driver, error) {
	if cfg.Dir == "" {
		return nil, errors.New("process driver: no folder for instances is given")
	}
	if cfg.Executable == "" {
		cfg.Executable = "/proc/self/exe" // also when the file was replaced or, as by go run, deleted
	}
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	if cfg.Processes == 0 {
		cfg.Processes = maxProcesses
	}
	hidden := make([]string, len(cfg.Hidden))
	copy(hidden, cfg.Hidden)
	cfg.Hidden = hidden
	paths := []*string{&cfg.Dir, &cfg.Executable}
	if cfg.Volumes != "" {
		paths = append(paths, &cfg.Volumes)
	}
	for i := range hidden {
		paths = append(paths, &hidden[i])
	}
	for _, path := range paths { // shims have another working folder
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, fmt.Errorf("process driver: %w", err)
		}
		*path = absolute
	}
	d := &Driver{cfg: cfg, log: log, locks: map[string]chan struct{}{}}
	d.probe = sync.OnceValue(func() Level {
		if cfg.Level != "" {
			return cfg.Level
		}
		return probe(cfg.Executable)
	})
	return d, nil
}

// Sandbox returns the level that instances reach here.
func (d *Driver) Sandbox() string { return string(d.probe()) }

// Stop ends an instance: SIGTERM, and after grace SIGKILL for all that is left
// of it. Its log is kept. An instance that does not exist is stopped already.
// When ctx ends first, the instance goes on stopping.
func (d *Driver) Stop(ctx context.Context, id string, grace time.Duration) error {
	if !validID.MatchString(id) {
		return fmt.Errorf("stop instance: %q %s", id, notAnID)
	}
	unlock, err := d.lock(ctx, id)
	if err != nil {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	defer unlock()
	return d.end(ctx, id, grace)
}

func (d *Driver) end(ctx context.Context, id string, grace time.Duration) error {
	if err := tellStop(ctx, d.dir(id), grace); err != nil {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	if err := d.remove(id); err != nil {
		return fmt.Errorf("remove instance: %w", err)
	}
	return nil
}

// remove removes what is left of an instance that has no shim.
func (d *Driver) remove(id string) error {
	if err := removeCgroups(d.dir(id)); err != nil {
		return err // the folder says where they are
	}
	return removeAll(d.dir(id))
}

// removeAll removes a folder, also those in it that a program has closed to its
// user, who may be ours.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // a folder has to be entered; what fails, fails below
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// List returns all instances that are there, by ID. What a shim that was killed
// left behind is cleaned away: its program has died with it. A shim that does
// not answer is listed as it was last known, and with that as the reason.
func (d *Driver) List(ctx context.Context) ([]driver.Instance, error) {
	return d.list(ctx, func(string) bool { return true }, d.look)
}

// ListApp returns the instances of an app, cheaply enough for being called all the time:
// it reads what their shims keep on disk, and cannot tell one that does not answer. The
// IDs of an app's instances have to begin with its name and a hyphen.
func (d *Driver) ListApp(ctx context.Context, app string) ([]driver.Instance, error) {
	found, err := d.list(ctx, func(id string) bool { return strings.HasPrefix(id, app+"-") }, d.read)
	return slices.DeleteFunc(found, func(i driver.Instance) bool { return i.App != app }), err
}

func (d *Driver) list(
	ctx context.Context, wanted func(id string) bool, look func(ctx context.Context, id string) *driver.Instance,
) ([]driver.Instance, error) {
	entries, err := os.ReadDir(d.cfg.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	answers := make([]*driver.Instance, len(entries))
	var asking sync.WaitGroup
	for i, entry := range entries {
		if entry.IsDir() && validID.MatchString(entry.Name()) && wanted(entry.Name()) {
			asking.Go(func() { answers[i] = look(ctx, entry.Name()) })
		}
	}
	asking.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var found []driver.Instance
	for _, answer := range answers {
		if answer != nil {
			found = append(found, *answer)
		}
	}
	return found, nil
}

// read returns how an instance was when its shim last changed that, nil when it is not.
func (d *Driver) read(ctx context.Context, id string) *driver.Instance {
	if abandoned(d.dir(id)) {
		d.forget(id)
		return nil
	}
	last, err := readStatus(d.dir(id))
	if err != nil { // its shim has only begun, or cannot write
		return d.look(ctx, id)
	}
	return &last.Instance
}

// look asks how an instance is; nil when it is not.
func (d *Driver) look(ctx context.Context, id string) *driver.Instance {
	answer, err := ask(ctx, d.dir(id), time.Second)
	switch {
	case err == nil:
		return &answer.Instance
	case ctx.Err() != nil:
		return nil
	case !abandoned(d.dir(id)):
		if last, err := readStatus(d.dir(id)); err == nil {
			last.Reason = "its shim does not answer"
			return &last.Instance
		}
		return nil // its shim has only begun
	default:
		d.forget(id)
		return nil
	}
}

// forget removes the folder of an instance whose shim is gone, unless somebody
// is just starting it.
func (d *Driver) forget(id string) {
	lock := d.lockOf(id)
	select {
	case lock <- struct{}{}:
	default:
		return
	}
	defer func() { <-lock }()
	if abandoned(d.dir(id)) {
		d.log.Warn("instance is gone", "instance", id, "shim_said", said(d.dir(id)))
		_ = d.remove(id) // tried again by the next List
	}
}

func (d *Driver) dir(id string) string { return filepath.Join(d.cfg.Dir, id) }

func (d *Driver) lockOf(id string) chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[id] == nil {
		d.locks[id] = make(chan struct{}, 1)
	}
	return d.locks[id]
}

// lock keeps others from starting or stopping the same instance.
func (d *Driver) lock(ctx context.Context, id string) (unlock func(), err error) {
	lock := d.lockOf(id)
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// sleep returns false when ctx ended before d was over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
