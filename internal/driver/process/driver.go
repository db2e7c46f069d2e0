// Package process runs instances as processes of this machine. Each has a shim:
// a small process of its own that starts the program in a root of its own,
// restarts it, asks for its health and keeps its log. Shims do not depend on
// whoever started them, so instances survive control; a Driver finds them again
// through the folder. The package knows the values of driver and nothing else of
// the project.
package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

// Config says where and how instances run.
type Config struct {
	Dir               string   // folder of the instances
	Hidden            []string // folders that an instance must never read
	AcceptUnsandboxed bool     // run instances although nothing confines them
	Tether            bool     // instances end with this process
	Executable        string   // what has the commands shim and shim-init; "" is this program
	Level             Level    // "" is the best that can be had here
}

// Driver starts, stops and finds instances. It is safe for concurrent use.
type Driver struct {
	cfg   Config
	log   *slog.Logger
	probe func() Level

	mu    sync.Mutex
	locks map[string]*sync.Mutex // by instance
}

var validID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

// New checks the configuration. It starts nothing and makes no folder.
func New(cfg Config, log *slog.Logger) (*Driver, error) {
	if cfg.Dir == "" {
		return nil, errors.New("process driver: no folder for instances is given")
	}
	if cfg.Executable == "" {
		cfg.Executable = "/proc/self/exe"
	}
	d := &Driver{cfg: cfg, log: log, locks: map[string]*sync.Mutex{}}
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

// StartError says why an instance did not become ready. It is gone.
type StartError struct {
	ID     string
	Reason string
	Tail   []string // the last lines it wrote
	Hint   string
}

// Error implements error, in one line, with the hint: it crosses the journal.
func (e *StartError) Error() string {
	text := fmt.Sprintf("start %s: %s", e.ID, e.Reason)
	if len(e.Tail) > 0 {
		text += "; it wrote: " + e.Tail[len(e.Tail)-1]
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Start runs the instance that spec describes and returns when it is ready. An
// instance with the same ID that runs already is waited for and returned; one
// that is in a crash loop is started anew. The error is a *StartError when the
// instance is to blame; nothing of it is left then but its log.
func (d *Driver) Start(ctx context.Context, spec driver.Spec) (driver.Instance, error) {
	if !validID.MatchString(spec.ID) {
		return driver.Instance{}, fmt.Errorf("start instance: %q is not a DNS label", spec.ID)
	}
	unlock := d.lock(spec.ID)
	defer unlock()
	if found, err := ask(ctx, d.dir(spec.ID)); err == nil && found.State != driver.CrashLoop {
		return d.await(ctx, spec, nil)
	}
	if err := d.end(ctx, spec.ID, 0); err != nil {
		return driver.Instance{}, err
	}
	shim, err := d.launch(spec)
	if err != nil {
		return driver.Instance{}, err
	}
	instance, err := d.await(ctx, spec, shim)
	if err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return driver.Instance{}, errors.Join(err, d.end(clean, spec.ID, 0))
	}
	return instance, nil
}

// await polls the shim until the instance is ready or will not be.
func (d *Driver) await(ctx context.Context, spec driver.Spec, shim *shimProcess) (driver.Instance, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		found, err := ask(ctx, d.dir(spec.ID))
		switch {
		case err == nil && found.State == driver.Ready:
			return found, nil
		case err == nil && found.State == driver.CrashLoop:
			return driver.Instance{}, d.startError(spec.ID, found.Reason)
		case err != nil && shim != nil && shim.ended():
			return driver.Instance{}, d.startError(spec.ID, "its shim ended: "+shim.said())
		}
		if !sleep(ctx, pause) {
			return driver.Instance{}, fmt.Errorf("start %s: %w", spec.ID, context.Cause(ctx))
		}
	}
}

func (d *Driver) startError(id, reason string) error {
	reason, hint, _ := strings.Cut(reason, hintMark)
	return &StartError{ID: id, Reason: reason, Hint: hint, Tail: d.tail(id, 20)}
}

// Stop ends an instance: SIGTERM, and after grace SIGKILL for all that is left
// of it. An instance that does not exist is stopped already.
func (d *Driver) Stop(ctx context.Context, id string, grace time.Duration) error {
	if !validID.MatchString(id) {
		return fmt.Errorf("stop instance: %q is not a DNS label", id)
	}
	unlock := d.lock(id)
	defer unlock()
	return d.end(ctx, id, grace)
}

func (d *Driver) end(ctx context.Context, id string, grace time.Duration) error {
	if err := tellStop(ctx, d.dir(id), grace); err != nil && !errors.Is(err, errNoShim) {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	if err := os.RemoveAll(d.dir(id)); err != nil {
		return fmt.Errorf("remove instance: %w", err)
	}
	return nil
}

// List returns all instances that are there, by ID. What a shim that was killed
// left behind is cleaned away: its child has died with it.
func (d *Driver) List(ctx context.Context) ([]driver.Instance, error) {
	entries, err := os.ReadDir(d.cfg.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	var found []driver.Instance
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name() == logsName {
			continue
		}
		instance, err := ask(ctx, d.dir(entry.Name()))
		switch {
		case err == nil:
			found = append(found, instance)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		default:
			d.forget(entry.Name())
		}
	}
	return found, nil
}

// forget removes the folder of an instance whose shim is gone, unless somebody
// is just starting it.
func (d *Driver) forget(id string) {
	lock := d.lockOf(id)
	if !lock.TryLock() {
		return
	}
	defer lock.Unlock()
	if abandoned(d.dir(id)) {
		d.log.Warn("instance is gone", "instance", id)
		_ = os.RemoveAll(d.dir(id)) // tried again by the next List
	}
}

func (d *Driver) dir(id string) string { return filepath.Join(d.cfg.Dir, id) }

func (d *Driver) lockOf(id string) *sync.Mutex {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[id] == nil {
		d.locks[id] = &sync.Mutex{}
	}
	return d.locks[id]
}

func (d *Driver) lock(id string) (unlock func()) {
	lock := d.lockOf(id)
	lock.Lock()
	return lock.Unlock
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
