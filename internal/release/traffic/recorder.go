package traffic

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// Recorder counts units by cohort and hands the cohorts out in the order in
// which their units were claimed. It is safe for concurrent use, and knows
// nothing of HTTP, so that a simulation can drive the counters that the edge
// uses.
type Recorder struct {
	epoch string
	clock func() time.Duration

	mu    sync.Mutex
	open  map[string][]*cohort // by app, in the order of claims
	ready []Cohort             // closed and not acknowledged, oldest first
	seq   uint64
}

// Key says under what a unit is claimed. A change of any field starts a cohort.
type Key struct {
	App    string
	Route  uint64
	Weight float64
	Cuts   *Cuts // of its route
}

// cohort is a Cohort in the making.
type cohort struct {
	Cohort
	cuts    *Cuts
	pending [2]uint64 // units without an outcome: of stable, of the canary
	closed  bool
}

// Unit is one claim that waits for its outcome. The zero Unit is not counted.
type Unit struct {
	recorder *Recorder
	cohort   *cohort
	canary   bool
}

// NewRecorder returns an empty recorder with an epoch of its own. The clock is
// monotonic; cohorts close by it when Sweep, Read or Score looks at it.
func NewRecorder(clock func() time.Duration) *Recorder {
	return &Recorder{epoch: rand.Text(), clock: clock, open: make(map[string][]*cohort)}
}

// Claim enters a unit into the current cohort of its app. Its outcome must
// follow; if it does not within the Horizon, the unit has failed.
func (r *Recorder) Claim(k Key, canary bool) Unit {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The clock is read under the lock, so that ticks never fall within an app.
	tick := int64(r.clock() / TickLength)
	c := r.current(k, tick)
	c.pending[arm(canary)]++
	return Unit{recorder: r, cohort: c, canary: canary}
}

// current returns the cohort for claims made now, which is always the last.
func (r *Recorder) current(k Key, tick int64) *cohort {
	queue := r.open[k.App]
	if n := len(queue); n > 0 {
		last := queue[n-1]
		if last.Route == k.Route && last.Weight == k.Weight && last.Tick == tick && last.cuts.equal(k.Cuts) {
			return last
		}
	}
	c := &cohort{cuts: k.Cuts, Cohort: Cohort{
		App: k.App, Route: k.Route, Tick: tick, Weight: k.Weight,
		Canary: Counts{make([]uint64, k.Cuts.classes())},
		Stable: Counts{make([]uint64, k.Cuts.classes())},
	}}
	r.open[k.App] = append(queue, c)
	return c
}

// Score gives the unit its outcome, and how long that took. It must be called
// once for each unit; after the cohort has closed it changes nothing.
func (u Unit) Score(o Outcome, took time.Duration) {
	if u.cohort == nil {
		return
	}
	r := u.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(u.cohort.App) // so that the horizon is exact, whenever the last sweep was
	if u.cohort.closed {
		return
	}
	u.cohort.pending[arm(u.canary)]--
	u.cohort.counts(u.canary).Units[u.cohort.cuts.class(o, u.canary, took)]++
	r.settle(u.cohort.App)
}

// Sweep closes what is due. Somebody has to call it now and then, so that
// cohorts do not pile up while nobody reads them.
func (r *Recorder) Sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for app := range r.open {
		r.settle(app)
	}
}

// Read forgets the cohorts up to and including after, which the reader thereby
// says it has, and returns the rest. A reader that names another epoch, such as
// one from before the edge was started again, gets everything.
func (r *Recorder) Read(epoch string, after uint64) Cohorts {
	r.Sweep()
	r.mu.Lock()
	defer r.mu.Unlock()
	if epoch != r.epoch {
		after = 0
	}
	rest := slices.IndexFunc(r.ready, func(c Cohort) bool { return c.Seq > after })
	if rest < 0 {
		rest = len(r.ready)
	}
	r.ready = slices.Delete(r.ready, 0, rest)
	return Cohorts{Epoch: r.epoch, Cohorts: append([]Cohort{}, r.ready...), Next: r.seq}
}

// settle closes the app's cohorts from the front, as far as that is possible:
// one that must wait holds up those behind it.
func (r *Recorder) settle(app string) {
	now := r.clock()
	queue := r.open[app]
	for len(queue) > 0 && queue[0].due(now, len(queue) == 1) {
		r.emit(queue[0])
		queue = queue[1:]
	}
	if len(queue) == 0 {
		delete(r.open, app)
		return
	}
	r.open[app] = queue
}

// due reports whether c can close: nothing can be added to it any more and all
// of it has its outcome, or it has waited long enough.
func (c *cohort) due(now time.Duration, last bool) bool {
	end := time.Duration(c.Tick+1) * TickLength
	if now >= end+Horizon {
		return true
	}
	return c.pending == [2]uint64{} && (!last || now >= end)
}

// emit closes c. What is unfinished is in the worst class: it is slower than
// the horizon, and waiting longer would hold up the verdict.
func (r *Recorder) emit(c *cohort) {
	c.closed = true
	worst := c.cuts.classes() - 1
	c.Stable.Units[worst] += c.pending[arm(false)]
	c.Canary.Units[worst] += c.pending[arm(true)]
	r.seq++
	c.Seq = r.seq
	if len(r.ready) == kept {
		r.ready = r.ready[1:]
	}
	r.ready = append(r.ready, c.Cohort)
}

func (c *cohort) counts(canary bool) Counts {
	if canary {
		return c.Canary
	}
	return c.Stable
}

func arm(canary bool) int {
	if canary {
		return 1
	}
	return 0
}
