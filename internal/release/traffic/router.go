package traffic

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/davit-dev/davit/internal/x/admission"
)

var (
	errNoTable = errors.New("no route table yet")
	errNoRoute = errors.New("no app answers here")
)

// router knows which version takes the next request. claim reads it, swap
// changes it; whatever was claimed before a swap is in flight where drain sees
// it, and nothing is claimed from an old table after one.
type router struct {
	clock    func() time.Duration // monotonic
	now      func() time.Time     // of the calendar, for what is signed until then
	draw     func() float64       // uniform in [0, 1), independent each time
	recorder *Recorder
	key      key          // not changed while requests are claimed
	mirrors  atomic.Int64 // copies under way
	access   *accessLog
	clients  map[Listener]*admission.Tally // not changed after newRouter
	refused  map[Listener]*refusals        // not changed after newRouter

	retiring   atomic.Bool // every answer ends its connection
	keys       atomic.Pointer[keyring]
	challenges atomic.Pointer[Challenges]
	unshaken   atomic.Uint64 // TLS handshakes that failed

	mu      sync.RWMutex
	version uint64                       // of the table, 0 before the first
	sites   map[Listener]map[string]site // by host
	apps    map[appKey]*app
}

// appKey names an app on a listener. What an app does in staging has nothing to
// do with what it does in production, so they share no counters.
type appKey struct {
	listener Listener
	name     string
}

// app is what the router remembers of an app from table to table.
type app struct {
	route    *route              // nil when the table does not name it
	versions map[string]*version // by label
	sessions *Sessions           // of the canary; nil without one, or without affinity
}

// route is a Route in force.
type route struct {
	Route
	stable, canary *target
	sessions       *Sessions     // of the canary, where the route has affinity
	weight         float64       // in force: Weight, or 0 since the lease lapsed
	deadline       time.Duration // of the lease, on the router's clock
	lapsed         bool
}

func newRouter(clock func() time.Duration, draw func() float64) *router {
	return &router{
		clock: clock, now: time.Now, draw: draw, recorder: NewRecorder(clock), key: newKey(), access: newAccessLog(),
		clients: map[Listener]*admission.Tally{Production: {}, Staging: {}},
		refused: map[Listener]*refusals{Production: {}, Staging: {}},
		apps:    make(map[appKey]*app),
	}
}

// claimed is what a request got: a target to give back with release, a unit to
// score, and a cookie to hand to the client unless that is empty.
type claimed struct {
	app    string
	target *target
	unit   Unit
	cookie string
	path   string  // of the cookie
	pinned bool    // the client chose the version
	mirror *target // gets a copy; nil: nobody does. To be given back with endMirror
}

// claim draws the version for one request and counts the request as in flight
// on it, and as a unit where that is wanted.
func (r *router) claim(l Listener, host string, in *http.Request) (claimed, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	found := r.sites[l][host].find(pathOf(in))
	to := found.route
	if to == nil && r.version == 0 {
		return claimed{}, errNoTable
	}
	if to == nil {
		return claimed{}, errNoRoute
	}
	c := claimed{app: to.App, target: to.stable, path: found.prefix}
	if chosen := r.pinned(to, in); chosen != nil {
		c.target, c.pinned = chosen, true
	} else if to.canary != nil {
		a := to.assign(in, r.draw)
		if a.canary {
			c.target = to.canary
		}
		if a.unit && l == Production {
			c.unit = r.recorder.Claim(Key{App: to.App, Route: to.Version, Weight: to.weight, Cuts: to.Cuts}, a.canary)
		}
		c.cookie = a.cookie
		if c.target == to.stable && l == Production {
			c.mirror = r.mirror(to, in)
		}
	}
	c.target.version.inFlight.Add(1)
	return c, nil
}

// claimStable claims the stable version for a request that could not reach its
// own; nil when there is no other. It looks at the table in force now: the
// stable version of the request's own table may be gone by this time.
func (r *router) claimStable(l Listener, host string, in *http.Request, own *version) *target {
	r.mu.RLock()
	defer r.mu.RUnlock()
	to := r.sites[l][host].find(pathOf(in)).route
	if to == nil || to.stable.version == own {
		return nil
	}
	to.stable.version.inFlight.Add(1)
	return to.stable
}

// release ends a claim.
func (t *target) release() { t.version.inFlight.Add(-1) }

// swap puts a table in force. When it returns, every request is either counted
// as in flight on its version or will be claimed from the new table.
func (r *router) swap(t Table) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	routes := make(map[appKey]*route, len(t.Routes))
	sites := map[Listener]map[string]site{Production: {}, Staging: {}}
	for _, spec := range t.Routes {
		to := r.prepare(spec, now)
		routes[appKey{spec.Listener, spec.App}] = to
		for _, h := range spec.Hosts {
			if at, err := parsePlace(h); err == nil { // as the table was checked for
				here := sites[spec.Listener]
				here[at.host] = here[at.host].with(mount{at.prefix, to})
			}
		}
	}
	for key, a := range r.apps {
		a.replace(routes[key])
		if a.route == nil && len(a.versions) == 0 {
			delete(r.apps, key)
		}
	}
	r.version, r.sites = t.Version, sites
}

// prepare makes a route of its specification. A lease that lapsed stays lapsed
// until the route has another version.
func (r *router) prepare(spec Route, now time.Duration) *route {
	key := appKey{spec.Listener, spec.App}
	a := r.apps[key]
	if a == nil {
		a = &app{versions: make(map[string]*version)}
		r.apps[key] = a
	}
	to := &route{Route: spec, weight: spec.Weight, deadline: now + spec.Lease.Std()}
	to.stable, to.canary = a.target(spec.Stable), a.target(spec.Canary)
	a.sessions = r.sessions(a.sessions, spec)
	to.sessions = a.sessions
	if a.route != nil && a.route.Version == spec.Version && a.route.lapsed {
		to.lapse()
	}
	return to
}

// sessions returns those of the route's canary: the present ones as long as the
// canary is the same, so that none of them is counted twice.
func (r *router) sessions(present *Sessions, spec Route) *Sessions {
	switch {
	case spec.Affinity == nil || spec.Canary == nil:
		return nil
	case present != nil && present.canary == spec.Canary.Label:
		return present
	default:
		return newSessions(r.key, spec.App, spec.Canary.Label)
	}
}

// resume tells the sessions of all canaries that an edge before this one may have
// counted them.
func (r *router) resume() {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, a := range r.apps {
		if a.sessions != nil {
			a.sessions.resume()
		}
	}
}

// target returns the live form of t, with the version's counters if there are any.
func (a *app) target(t *Target) *target {
	if t == nil {
		return nil
	}
	v := a.versions[t.Label]
	if v == nil {
		v = newVersion(t.Label)
		a.versions[t.Label] = v
	}
	return &target{version: v, addresses: slices.Concat(t.Addresses, t.Spare), turns: len(t.Addresses)}
}

// replace puts the next route, or nil, in the place of the app's present one.
// A version that leaves the route is kept for its totals until the app's next
// change, and in any case as long as a request is on it.
func (a *app) replace(next *route) {
	changed := next == nil || a.route == nil || a.route.Version != next.Version
	a.route = next
	for label, v := range a.versions {
		switch {
		case next.names(v):
			v.retired = false
		case !v.retired:
			v.retired = true
			v.closeIdle()
		case changed && v.inFlight.Load() == 0:
			delete(a.versions, label)
		}
	}
}

// disconnect closes the idle connections to all versions.
func (r *router) disconnect() {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, a := range r.apps {
		for _, v := range a.versions {
			v.closeIdle()
		}
	}
}

func (to *route) names(v *version) bool {
	return to != nil && (to.stable.version == v || to.canary != nil && to.canary.version == v)
}

// renew starts the leases of the table in force again. It does not bring the
// weight of one that lapsed back.
func (r *router) renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	for _, a := range r.apps {
		if a.route != nil {
			a.route.deadline = now + a.route.Lease.Std()
		}
	}
}

// lapseDue puts the routes whose lease ran out back on their stable version and
// returns them. It must be called before a table is put, which starts the leases
// again.
func (r *router) lapseDue() []Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	var lapsed []Route
	for _, a := range r.apps {
		to := a.route
		if to != nil && to.Lease > 0 && to.canary != nil && !to.lapsed && now >= to.deadline {
			to.lapse()
			lapsed = append(lapsed, to.Route)
		}
	}
	return lapsed
}

// lapsed returns the routes whose lease has run out.
func (r *router) lapsed() []lapse {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var all []lapse
	for key, a := range r.apps {
		if a.route != nil && a.route.lapsed {
			all = append(all, lapse{App: key.name, Listener: key.listener, Route: a.route.Version})
		}
	}
	return all
}

// restore lets the leases that had lapsed before the edge was started be lapsed.
func (r *router) restore(lapsed []lapse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range lapsed {
		a := r.apps[appKey{l.Listener, l.App}]
		if a != nil && a.route != nil && a.route.Version == l.Route {
			a.route.lapse()
		}
	}
}

// lapse takes the canary's weight back, for as long as the route has this version.
func (to *route) lapse() { to.lapsed, to.weight = true, 0 }
