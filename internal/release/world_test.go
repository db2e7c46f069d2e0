package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/verify"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// errDead is what the world answers after the moment at which control is killed.
var errDead = errors.New("control is dead")

// world is a scripted machine: journal, instances, edge and staging. It lives on
// when an engine dies, as the real ones do.
type world struct {
	mu      sync.Mutex
	t       *testing.T
	entries []release.Entry
	plans   map[string]release.Plan // the registry, by artifact
	forgot  string                  // release whose counts were compacted

	running  map[string]int             // instances, by release
	restarts map[string]int             // of instances
	table    map[string]release.Traffic // by app
	lapsed   map[string]uint64          // app → version whose weight was taken back
	maxSplit map[string]float64         // largest canary weight ever set, by release

	rate     float64            // requests a second
	errors   map[string]float64 // share that fails, by release
	blind    bool               // the edge tells no counts
	deaf     bool               // the edge does what it is told, and its answer is lost
	skew     time.Duration      // of the clock that stamps journal entries
	slow     map[string]bool    // releases that are slower than the stable version's cuts
	scoredAt time.Time
	told     int // how often the edge was told a routing
	seq      uint64
	rng      *rand.Rand

	failProof map[string]bool // image digest → staging finds it bad
	failStart map[string]bool // release → does not start
	stuck     map[string]bool // release → does not stop
	leaves    int             // instances that run after a start that failed
	stalled   chan struct{}   // when set, Start blocks likewise
	proving   chan struct{}   // when set, Prove blocks until it is closed or canceled

	began time.Time // of the edge

	boundary int // counts every touch of the world
	killAt   int // boundary at which control dies, 0 for never
	kill     context.CancelFunc
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t, plans: map[string]release.Plan{}, running: map[string]int{}, restarts: map[string]int{}, table: map[string]release.Traffic{},
		lapsed: map[string]uint64{}, maxSplit: map[string]float64{}, rate: 50, errors: map[string]float64{}, slow: map[string]bool{},
		failProof: map[string]bool{}, failStart: map[string]bool{}, stuck: map[string]bool{}, rng: rand.New(rand.NewPCG(1, 2)), began: time.Now(),
	}
}

// touch marks a boundary; control dies at the one that was chosen.
func (w *world) touch() error {
	w.boundary++
	if w.killAt > 0 && w.boundary >= w.killAt {
		w.kill()
		return errDead
	}
	return nil
}

func (w *world) Append(_ context.Context, e release.Entry) (release.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.touch(); err != nil {
		return e, err
	}
	e.Index, e.Time = int64(len(w.entries)), time.Now().Add(w.skew)
	w.entries = append(w.entries, e)
	return e, nil
}

func (w *world) Plan(_ context.Context, _, stored string) (release.Plan, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.plans[stored]; ok {
		return p, nil
	}
	return release.Plan{}, release.ErrNoPlan
}

// store puts a plan into the registry and returns the artifact's digest.
func (w *world) store(t *testing.T, p release.Plan) string {
	t.Helper()
	digest, err := p.Digest()
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plans["stored-"+digest] = p
	return "stored-" + digest
}

func (w *world) Replay(_ context.Context, fn func(release.Entry) error) error {
	w.mu.Lock()
	entries := append([]release.Entry(nil), w.entries...)
	w.mu.Unlock()
	for _, e := range entries {
		if e.Release == w.forgot && e.Kind == string(release.Counted) {
			continue
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// intended fails the test unless the journal's last intent for the release is
// of this kind: nothing happens that the journal did not show before.
func (w *world) intended(kind release.ActionKind, id string) {
	for _, entry := range slices.Backward(w.entries) {
		e, err := release.DecodeEvent(entry)
		if err == nil && e.Kind == release.Acting && e.Action.Kind == kind && e.Action.Release == id {
			return
		}
	}
	w.t.Errorf("%s of %s happened without an intent in the journal", kind, id)
}

func (w *world) Start(ctx context.Context, id string, _ release.Plan, replicas int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.intended(release.Start, id)
	if err := w.touch(); err != nil {
		return err
	}
	if w.failStart[id] {
		if w.leaves > 0 {
			w.running[id] = max(w.running[id], w.leaves)
		}
		return errors.New("exit status 2")
	}
	if stalled := w.stalled; stalled != nil {
		w.mu.Unlock()
		select {
		case <-stalled:
		case <-ctx.Done():
		}
		w.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	w.running[id] = max(w.running[id], replicas)
	return w.touch()
}

func (w *world) Stop(_ context.Context, id string, _ time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.intended(release.Stop, id)
	if err := w.touch(); err != nil {
		return err
	}
	for app, t := range w.table {
		if t.Routing.Stable == id || t.Routing.Canary == id {
			w.t.Errorf("%s was stopped while %s routes to it: %+v", id, app, t.Routing)
		}
	}
	if w.stuck[id] {
		return errors.New("it does not end")
	}
	delete(w.running, id)
	return w.touch()
}

func (w *world) Health(_ context.Context, _ string) (map[string]release.Health, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	health := map[string]release.Health{}
	for id, n := range w.running {
		health[id] = release.Health{Instances: n, Ready: n, Restarts: w.restarts[id], Reason: "exit status 2", At: fmt.Sprint(id, " ", n)}
	}
	return health, nil
}

func (w *world) Set(_ context.Context, all ...release.Traffic) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.touch(); err != nil {
		return err
	}
	for _, t := range all {
		for _, id := range []string{t.Routing.Stable, t.Routing.Canary} {
			told := w.table[t.App].Version == t.Version // again, with other addresses
			if id != "" && w.running[id] == 0 && !told {
				w.t.Errorf("traffic was routed to %s, which does not run", id)
			}
		}
		if t.Routing.Canary != "" {
			w.maxSplit[t.Routing.Canary] = max(w.maxSplit[t.Routing.Canary], t.Routing.Weight)
		}
		shared := t.Routing.Canary != ""
		if shared != (t.Affinity == release.AffinityCookie) || shared != (t.Mirror == 0.5) {
			w.t.Errorf("the edge is told of affinity %q and mirror %v, with the canary %q", t.Affinity, t.Mirror, t.Routing.Canary)
		}
		w.table[t.App] = t
	}
	w.told++
	w.scoredAt = time.Now()
	if w.deaf {
		return errors.New("the edge's answer was lost")
	}
	return w.touch()
}

func (w *world) Cohorts(_ context.Context, app string, after release.Cursor) (release.Batch, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blind {
		return release.Batch{}, false, errors.New("the edge does not answer")
	}
	t := w.table[app]
	batch := release.Batch{Epoch: "edge", Next: after.Next}
	if w.lapsed[app] != 0 && w.lapsed[app] == t.Version {
		return batch, true, nil
	}
	if c := w.served(t); c.Canary.Total()+c.Stable.Total() > 0 {
		w.seq++
		batch.Next = w.seq
		batch.Cohorts = []release.Cohort{c}
	}
	return batch, false, nil
}

// served draws what the edge has scored since the last time.
func (w *world) served(t release.Traffic) release.Cohort {
	n := int(w.rate * time.Since(w.scoredAt).Seconds())
	classes := 2
	if t.Cuts != nil {
		classes += len(t.Cuts.Canary)
	}
	c := release.Cohort{
		Version: t.Version, Weight: t.Routing.Weight, Tick: time.Since(w.began).Milliseconds() / 250,
		Canary: analysis.Counts{Units: make([]int64, classes)}, Stable: analysis.Counts{Units: make([]int64, classes)},
	}
	if n == 0 {
		return c
	}
	w.scoredAt = time.Now()
	for range n {
		id, units := t.Routing.Stable, c.Stable.Units
		if w.rng.Float64() < t.Routing.Weight {
			id, units = t.Routing.Canary, c.Canary.Units
		}
		switch {
		case w.rng.Float64() < w.errors[id]:
			units[classes-1]++
		case w.slow[id]:
			units[classes-2]++
		default:
			units[0]++
		}
	}
	return c
}

func (w *world) Past(context.Context, string, string) ([]analysis.Bucket, int64, error) {
	return []analysis.Bucket{
		{UpTo: 20 * time.Millisecond, Count: 900}, {UpTo: 40 * time.Millisecond, Count: 95}, {UpTo: time.Second, Count: 5},
	}, 5, nil
}

func (w *world) Drained(context.Context, string, string, time.Duration) error { return nil }

func (w *world) Prove(ctx context.Context, id string, plan release.Plan) (verify.Report, error) {
	w.mu.Lock()
	w.intended(release.Prove, id)
	err := w.touch()
	bad, gate := w.failProof[plan.Image.Digest], w.proving
	w.mu.Unlock()
	if err != nil {
		return verify.Report{}, err
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return verify.Report{}, ctx.Err()
		}
	}
	return verify.Report{Passed: !bad}, nil
}

// change alters the world between two of its answers.
func (w *world) change(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

// route returns what the edge does for the app.
func (w *world) route(app string) release.Traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.table[app]
}

// awaitCanary lets virtual time pass until the release has traffic.
func (w *world) awaitCanary(id string) {
	for w.route("orders").Routing.Canary != id {
		time.Sleep(100 * time.Millisecond)
	}
}

// alive lists the instances.
func (w *world) alive() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.running))
}

// split is the largest share that a release ever had as a canary.
func (w *world) split(id string) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.maxSplit[id]
}

// edgeLapses takes the weight of the app's canary back, as the edge does when
// control is silent.
func (w *world) edgeLapses(app string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lapsed[app] = w.table[app].Version
}

// control is one life of the engine over a world.
type control struct {
	*release.Engine
	world  *world
	cancel context.CancelFunc
	done   chan error
}

func (w *world) boot(t *testing.T) *control {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w.mu.Lock()
	w.kill = cancel
	w.mu.Unlock()
	engine, err := release.New(ctx, release.Deps{
		Journal: w, Fleet: w, Router: w, Prover: w, Plans: w, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &control{world: w, Engine: engine, cancel: cancel, done: make(chan error, 1)}
	go func() { c.done <- engine.Run(ctx) }()
	synctest.Wait()
	return c
}

func (c *control) end(t *testing.T) {
	t.Helper()
	c.cancel()
	if err := <-c.done; err != nil {
		t.Error(err)
	}
}

// inBubble runs a test on virtual time, with an engine over a fresh world.
func inBubble(t *testing.T, fn func(t *testing.T, w *world, c *control)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.boot(t)
		defer c.end(t)
		fn(t, w, c)
	})
}

// plan returns a plan whose image stands for its program.
func plan(image string, change ...func(*release.Plan)) release.Plan {
	p := release.Plan{
		Version: release.PlanVersion, App: "orders", Hosts: []string{"orders.localhost"},
		Image: release.Image{Repository: "orders", Digest: image}, Run: driver.Default(), Release: release.DefaultConfig(),
	}
	p.Release.Dwell, p.Release.Bake = quantity.Duration(10*time.Second), quantity.Duration(20*time.Second)
	p.Release.Deadline = quantity.Duration(5 * time.Minute)
	p.Release.Affinity, p.Release.Mirror = release.AffinityCookie, 0.5
	for _, fn := range change {
		fn(&p)
	}
	return p
}

func (c *control) submit(t *testing.T, p release.Plan) release.Summary {
	t.Helper()
	s, err := c.try(t, p)
	if err != nil {
		t.Fatalf("submit: %v", err)
	}
	return s
}

// try submits a plan as ship does: stored first.
func (c *control) try(t *testing.T, p release.Plan) (release.Summary, error) {
	t.Helper()
	return c.Submit(t.Context(), release.Submission{Plan: p, Stored: c.world.store(t, p), Actor: "ada"})
}

// settle lets virtual time pass until the release ended or waits.
func (c *control) settle(t *testing.T, id string) release.Summary {
	t.Helper()
	for range 10_000 {
		s := c.find(t, id)
		if s.Phase == release.PhaseEnded || s.Waiting != "" {
			return s
		}
		time.Sleep(100 * time.Millisecond) // virtual: it costs nothing
		synctest.Wait()
	}
	t.Fatalf("%s does not settle: %s", id, dump(c.find(t, id)))
	return release.Summary{}
}

func (c *control) find(t *testing.T, id string) release.Summary {
	t.Helper()
	for _, v := range c.Apps() {
		if s, ok := v.Find(id); ok {
			return s
		}
	}
	t.Fatalf("no release %s", id)
	return release.Summary{}
}

func (c *control) ship(t *testing.T, p release.Plan) release.Summary {
	t.Helper()
	return c.settle(t, c.submit(t, p).ID)
}

func (c *control) view(t *testing.T) release.View {
	t.Helper()
	time.Sleep(5 * time.Second) // virtual: old instances are stopped meanwhile
	synctest.Wait()
	apps := c.Apps()
	if len(apps) != 1 {
		t.Fatalf("%d apps", len(apps))
	}
	return apps[0]
}

func dump(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(data)
}

func refusal(t *testing.T, err error, want release.Code) release.RefusalError {
	t.Helper()
	var r *release.RefusalError
	if !errors.As(err, &r) || r.Code != want {
		t.Fatalf("got %v, want a refusal with code %s", err, want)
	}
	return *r
}
