// Package release brings plans to life: Report + Plan → Outcome. An app is a
// fold over its journal entries (Next), what to do is decided by a pure function
// (Decide), and a thin machine per app appends the intent, acts, and appends the
// result. So nothing happens that the journal does not show, and after a crash
// the machine goes on where the journal ends.
//
// The package reaches the world only through Journal, Fleet, Router and Prover.
// It must not import a concrete driver, the edge's server, or the audit log.
package release

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Deps is the world that an engine works in. All fields are required.
type Deps struct {
	Journal Journal
	Fleet   Fleet
	Router  Router
	Prover  Prover
	Plans   Plans
	Log     *slog.Logger
}

// Engine releases the plans of all apps, one at a time for each.
type Engine struct {
	deps Deps

	admission sync.Mutex // held while a submission is admitted

	mu       sync.Mutex
	machines map[string]*machine
	running  context.Context //nolint:containedctx // machines made by Submit live as long as Run does
	loops    sync.WaitGroup
	signal   chan struct{}
}

// New replays the journal. It starts nothing; Run does.
func New(ctx context.Context, deps Deps) (*Engine, error) {
	e := &Engine{deps: deps, machines: map[string]*machine{}, signal: make(chan struct{})}
	apps := map[string]*App{}
	err := deps.Journal.Replay(ctx, func(entry Entry) error {
		event, err := DecodeEvent(entry)
		if err != nil {
			return err
		}
		if event.Kind == Submitted {
			if event.Plan, err = recall(ctx, deps.Plans, event); err != nil {
				return err
			}
		}
		if apps[event.App] == nil {
			apps[event.App] = NewApp(event.App)
		}
		return apps[event.App].Next(event)
	})
	if err != nil {
		return nil, fmt.Errorf("replay journal: %w", err)
	}
	for name, app := range apps {
		e.machines[name] = newMachine(app, deps, e.change)
	}
	return e, nil
}

// recall reads the plan of a submission back. The plans of releases that are
// needed cannot be deleted; of another, what the journal says has to do.
func recall(ctx context.Context, plans Plans, event Event) (*Plan, error) {
	if event.Image == nil {
		return nil, fmt.Errorf("journal entry %d: a submission without an image", event.Index)
	}
	plan, err := plans.Plan(ctx, event.Image.Repository, event.Stored)
	if errors.Is(err, ErrNoPlan) {
		return &Plan{App: event.App, Image: *event.Image}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("plan of %s: %w", event.Release, err)
	}
	digest, err := plan.Digest()
	if err == nil && digest != event.Digest {
		err = fmt.Errorf("plan of %s: the registry has %s, the journal %s", event.Release, digest, event.Digest)
	}
	return &plan, err
}

// Run puts every app's routing in force and drives the apps until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.restore(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	e.running = ctx
	for _, m := range e.machines {
		e.loops.Go(func() { m.run(ctx) })
	}
	e.mu.Unlock()
	<-ctx.Done()
	e.loops.Wait()
	return nil
}

// restore tells the edge all routings at once, so that no app is left out of
// the table between one and the next.
func (e *Engine) restore(ctx context.Context) error {
	var all []Traffic
	for _, name := range slices.Sorted(maps.Keys(e.machines)) {
		if app := e.machines[name].app; app.Routing != (Routing{}) {
			all = append(all, app.traffic())
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := e.deps.Router.Set(ctx, all...); err != nil {
		return fmt.Errorf("restore routings: %w", err)
	}
	return nil
}

// change wakes everybody who waits for Changed.
func (e *Engine) change() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.signal)
	e.signal = make(chan struct{})
}

// Changed returns a channel that is closed with the next change of any app.
func (e *Engine) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.signal
}

// Apps returns all apps, by name. An app that was removed has no live release.
func (e *Engine) Apps() []View {
	e.mu.Lock()
	defer e.mu.Unlock()
	views := make([]View, 0, len(e.machines))
	for _, name := range slices.Sorted(maps.Keys(e.machines)) {
		views = append(views, *e.machines[name].shown.Load())
	}
	return views
}

// Held says which release needs the image with this digest: as the live one,
// as the way back, or under way.
func (e *Engine) Held(digest string) (holder string, held bool) {
	for _, v := range e.Apps() {
		for _, id := range []string{v.Live, v.Back, v.Current} {
			if s, ok := v.Find(id); ok && (s.Image.Digest == digest || s.Stored == digest) {
				return "release " + id, true
			}
		}
	}
	return "", false
}

// find returns the machine of the app that has a release with this id or plan.
func (e *Engine) find(release string) (*machine, Summary, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.machines {
		if s, ok := m.shown.Load().Find(release); ok {
			return m, s, nil
		}
	}
	return nil, Summary{}, refuse(CodeUnknown, "no release %q", release).hint("'davit releases' lists them")
}

func (e *Engine) app(name string) (*machine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m := e.machines[name]; m != nil {
		return m, nil
	}
	return nil, refuse(CodeUnknown, "no app %q", name).hint("'davit status' lists them")
}

// open returns the app's machine, a new one for a new app.
func (e *Engine) open(name string) (*machine, error) {
	m, fresh, err := e.openLocked(name)
	if fresh {
		e.change()
	}
	return m, err
}

func (e *Engine) openLocked(name string) (*machine, bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil || e.running.Err() != nil {
		return nil, false, errors.New("the engine is not running")
	}
	if m := e.machines[name]; m != nil {
		return m, false, nil
	}
	m := newMachine(NewApp(name), e.deps, func() {})
	m.changed = e.change
	e.machines[name] = m
	ctx := e.running
	e.loops.Go(func() { m.run(ctx) })
	return m, true, nil
}

// do runs fn in the machine's loop, where the app's state may be read and
// events recorded.
func (m *machine) do(ctx context.Context, fn func(ctx context.Context) error) error {
	a := ask{do: fn, reply: make(chan error, 1)}
	select {
	case m.asks <- a:
	case <-ctx.Done():
		return fmt.Errorf("ask for %s: %w", m.app.Name, ctx.Err())
	}
	select {
	case err := <-a.reply:
		return err
	case <-ctx.Done():
		return fmt.Errorf("ask for %s: %w", m.app.Name, ctx.Err())
	}
}

// waitEnded returns when no release of the app is under way.
func (e *Engine) waitEnded(ctx context.Context, m *machine, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		changed := e.Changed()
		if m.shown.Load().Current == "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of %s: %w", m.shown.Load().Current, ctx.Err())
		}
	}
}
