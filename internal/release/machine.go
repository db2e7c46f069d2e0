package release

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// The machine's rhythm: how often cohorts are fetched during a canary, and how often
// instances are looked at, while something is under way and at rest.
const (
	tick      = 250 * time.Millisecond
	lookEvery = 500 * time.Millisecond
	restEvery = 5 * time.Second
)

// machine drives one app: it appends what Decide wants, acts, and appends what
// came of it. Its loop is the only writer of the app's state.
type machine struct {
	deps     Deps
	log      *slog.Logger
	app      *App
	asks     chan ask
	results  chan outcome
	shown    atomic.Pointer[View]
	changed  func()
	clock    stopwatch
	acting   backoff // of what is decided
	healing  backoff // of instances that are started again
	tidying  backoff // of instances that are stopped
	looked   time.Time
	answer   [2]string // where the stable version and the canary answered, when they were looked at last
	moved    bool      // instances answer elsewhere than the edge was told
	cancels  map[int64]context.CancelFunc
	underway sync.WaitGroup
}

// ask is what somebody wants of the app: do runs in the machine's loop.
type ask struct {
	do    func(ctx context.Context) error
	reply chan error
}

// outcome is what came of an action.
type outcome struct {
	at     int64
	action Action
	result Result
}

func newMachine(app *App, deps Deps, changed func()) *machine {
	m := &machine{
		deps: deps, log: deps.Log.With("app", app.Name), app: app, changed: changed,
		asks: make(chan ask), results: make(chan outcome), cancels: map[int64]context.CancelFunc{},
	}
	m.show()
	return m
}

// run goes on where the journal ends, until ctx does.
func (m *machine) run(ctx context.Context) {
	defer m.underway.Wait()
	if r := m.app.current(); r != nil {
		m.clock.start(r.Elapsed)
	}
	for at, action := range m.app.Pending {
		m.launch(ctx, at, action)
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var world World
	for rested := false; ctx.Err() == nil; {
		m.settle(ctx, world)
		world = World{}
		rests := m.resting()
		if rests {
			ticker.Reset(untilLook(time.Now()))
		} else if rested {
			ticker.Reset(tick)
		}
		rested = rests
		select {
		case <-ctx.Done():
		case a := <-m.asks:
			a.reply <- a.do(ctx)
		case o := <-m.results:
			m.finish(ctx, o)
		case <-ticker.C:
			m.count(ctx)
			world = m.look(ctx)
			m.rejoin(ctx)
		}
	}
}

// settle decides until there is nothing left to decide.
func (m *machine) settle(ctx context.Context, world World) {
	for ctx.Err() == nil && m.acting.over() {
		world.Elapsed, world.Untidy = m.clock.elapsed(), !m.tidying.over()
		event := m.app.Decide(world)
		if event == nil {
			return
		}
		world.Instances = nil
		if err := m.record(ctx, event); err != nil {
			m.log.Error("journal refused an entry", "kind", event.Kind, "error", err)
			m.acting.failed()
			return
		}
		switch event.Kind {
		case Acting:
			m.launch(ctx, event.Index, *event.Action)
		case Stopped:
			m.interrupt(event.Release)
		default:
		}
	}
}

// record appends an event and folds it. Nothing changes when that fails.
func (m *machine) record(ctx context.Context, event *Event) error {
	event.App = m.app.Name
	if event.Actor == "" {
		event.Actor = "davit"
	}
	if m.app.Current != "" {
		event.Elapsed = m.clock.elapsed().Milliseconds()
	}
	entry, err := event.Entry()
	if err != nil {
		return err
	}
	entry, err = m.deps.Journal.Append(ctx, entry)
	if err != nil {
		return err
	}
	written, err := DecodeEvent(entry) // as a replay will read it
	if err != nil {
		return err
	}
	written.Plan = event.Plan
	*event = written
	if err := m.app.Next(written); err != nil {
		return err
	}
	if event.Kind == Submitted {
		m.clock.start(0)
	}
	m.show()
	return nil
}

func (m *machine) show() {
	v := m.app.view()
	m.shown.Store(&v)
	m.changed()
}

// launch acts beside the loop, so that people are heard meanwhile. When control
// ends first, nothing is journaled and the action is done again.
func (m *machine) launch(ctx context.Context, at int64, action Action) {
	acting, cancel := context.WithCancel(ctx)
	m.cancels[at] = cancel
	job := m.prepare(at, action)
	m.underway.Go(func() {
		defer cancel()
		result := job(acting)
		if acting.Err() != nil {
			result = Result{Canceled: true}
		}
		m.deliver(ctx, outcome{at: at, action: action, result: result})
	})
}

func (m *machine) deliver(ctx context.Context, o outcome) {
	select {
	case m.results <- o:
	case <-ctx.Done():
	}
}

// interrupt cancels what is being done for a release that shall not go on.
func (m *machine) interrupt(release string) {
	for at, action := range m.app.Pending {
		if action.Release == release && (action.Kind == Prove || action.Kind == Start) {
			m.cancels[at]()
		}
	}
}

// finish journals what came of an action. While the journal does not take it,
// the result is kept and offered again.
func (m *machine) finish(ctx context.Context, o outcome) {
	event := &Event{Kind: Acted, Release: o.action.Release, At: &o.at, Result: &o.result}
	if err := m.record(ctx, event); err != nil {
		m.log.Error("journal refused a result", "action", o.action.Kind, "error", err)
		m.acting.failed()
		pause := m.acting.pause
		m.underway.Go(func() {
			select {
			case <-time.After(pause):
				m.deliver(ctx, o)
			case <-ctx.Done():
			}
		})
		return
	}
	delete(m.cancels, o.at)
	if o.result.Error != "" {
		m.log.Warn("action did not succeed", "action", o.action.Kind, "release", o.action.Release, "reason", o.result.Error)
	}
	m.learn(o)
}

// learn draws conclusions from what came of an action. An instance of the live
// version that does not start, or any that does not stop, is no reason to wait with
// anything else.
func (m *machine) learn(o outcome) {
	failed, heals := o.result.Error != "", o.action.Kind == Start && m.app.routed(o.action.Release)
	switch {
	case heals && failed:
		m.healing.failed()
	case heals:
		m.healing.succeeded()
		m.moved = true
	case o.action.Kind == Stop && failed:
		m.tidying.failed()
	case o.action.Kind == Stop:
		m.tidying.succeeded()
	case failed:
		m.acting.failed()
	case o.action.Release != "": // to insist succeeds also where what was wanted fails again and again
		m.acting.succeeded()
	}
	if o.action.Kind == Route && !failed {
		m.moved = true // its addresses are those of a moment
		m.forgo()
	}
}

// forgo gives up the starts of versions that have no traffic any more.
func (m *machine) forgo() {
	for at, action := range m.app.Pending {
		if action.Kind == Start && !m.app.routed(action.Release) && action.Release != m.app.Current {
			m.cancels[at]()
		}
	}
}

// rejoin tells the edge where instances answer that were started, or are well or
// unwell again. While a routing is under way it waits: what is known here is what
// was before, and must not come after it.
func (m *machine) rejoin(ctx context.Context) {
	if !m.moved || m.app.rerouting() || m.app.unsure || m.app.Routing == (Routing{}) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := m.deps.Router.Set(ctx, m.app.traffic()); err != nil {
		m.log.Warn("edge was not told the new addresses", "error", err) // and will be with the next tick
		return
	}
	m.moved = false
}

// count journals what the edge scored since the last time.
func (m *machine) count(ctx context.Context) {
	r := m.app.current()
	if r == nil || m.app.Routing.Canary != r.ID {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	batch, lapsed, err := m.deps.Router.Cohorts(ctx, m.app.Name, m.app.Cursor)
	if err != nil {
		m.log.Debug("edge did not answer", "error", err)
		return
	}
	if len(batch.Cohorts) > 0 {
		m.note(ctx, &Event{Kind: Counted, Release: r.ID, Batch: &batch})
	}
	if lapsed && !r.reenter && !m.app.busy() && (r.Held == "" || r.waived) {
		m.note(ctx, &Event{Kind: Lapsed, Release: r.ID})
	}
}

func (m *machine) note(ctx context.Context, event *Event) {
	if err := m.record(ctx, event); err != nil {
		m.log.Error("journal refused an entry", "kind", event.Kind, "error", err)
	}
}

// resting says whether nothing is under way, nor tried again, nor to be told to the
// edge.
func (m *machine) resting() bool {
	return m.app.Current == "" && len(m.app.Pending) == 0 && !m.moved && m.acting.over() && m.tidying.over()
}

// untilLook is how long machines at rest sleep. They wake at the same moments, since
// it is the waking of the process that costs most.
func untilLook(now time.Time) time.Duration { return restEvery - now.Sub(now.Truncate(restEvery)) }

// look returns how the instances are.
func (m *machine) look(ctx context.Context) World {
	if time.Since(m.looked) < lookEvery || m.app.Routing == (Routing{}) {
		return World{}
	}
	m.looked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	instances, err := m.deps.Fleet.Health(ctx, m.app.Name)
	if err != nil {
		m.log.Warn("instances could not be looked at", "error", err)
		return World{}
	}
	answer := [2]string{instances[m.app.Routing.Stable].At, instances[m.app.Routing.Canary].At}
	m.answer, m.moved = answer, m.moved || answer != m.answer
	return World{Instances: instances, Resting: !m.healing.over()}
}
