package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/release/traffic"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// The lease of an unfinished weight, and how often it is renewed.
const (
	lease   = 10 * time.Second
	renewal = time.Second
)

// lister knows where instances answer.
type lister interface {
	List(ctx context.Context) ([]driver.Instance, error)
}

// router turns the engine's routings into the edge's table. It is the one
// writer of that table, and puts it as a whole.
type router struct {
	edge      *traffic.Client
	instances lister

	mu      sync.Mutex
	routes  map[routeKey]traffic.Route
	version uint64
	put     time.Time
}

type routeKey struct {
	app      string
	listener traffic.Listener
}

func newRouter(edge *traffic.Client, instances lister) *router {
	return &router{edge: edge, instances: instances, routes: map[routeKey]traffic.Route{}}
}

// Set implements release.Router.
func (r *router) Set(ctx context.Context, all ...release.Traffic) error {
	addresses, err := r.addresses(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(r.routes)
	for _, t := range all {
		key := routeKey{t.App, traffic.Production}
		if t.Routing.Stable == "" {
			delete(next, key)
			continue
		}
		next[key] = productionRoute(t, addresses)
	}
	return r.apply(ctx, next)
}

func productionRoute(t release.Traffic, addresses map[string]answers) traffic.Route {
	route := traffic.Route{
		App: t.App, Version: t.Version, Listener: traffic.Production, Hosts: t.Hosts,
		Stable: target(t.Routing.Stable, addresses),
	}
	if canary := t.Routing.Canary; canary != "" {
		route.Canary = target(canary, addresses)
		route.Weight = t.Routing.Weight
		route.Lease = quantity.Duration(lease)
		route.Affinity, route.Mirror = affinity(t.Affinity), t.Mirror
		if t.Cuts != nil {
			route.Cuts = &traffic.Cuts{Stable: durations(t.Cuts.Stable), Canary: durations(t.Cuts.Canary)}
		}
	}
	return route
}

func affinity(a release.Affinity) *traffic.Affinity {
	name, byHeader := a.Header()
	switch {
	case a == release.NoAffinity:
		return nil
	case byHeader:
		return &traffic.Affinity{By: traffic.ByHeader, Header: name}
	default:
		return &traffic.Affinity{By: traffic.AffinityKind(a)}
	}
}

func durations(all []time.Duration) []quantity.Duration {
	out := make([]quantity.Duration, len(all))
	for i, d := range all {
		out[i] = quantity.Duration(d)
	}
	return out
}

// nowhere is the address of a version whose instance is gone: it refuses
// connections (RFC 863) until the engine has started the instance again.
const nowhere = "127.0.0.1:9"

func target(id string, addresses map[string]answers) *traffic.Target {
	at := addresses[id]
	if len(at.well) == 0 {
		at.well = []string{nowhere}
	}
	return &traffic.Target{Label: id, Addresses: at.well, Spare: at.unwell}
}

// stage routes the staging listener's requests for the app to one instance.
func (r *router) stage(ctx context.Context, app string, hosts []string, instance driver.Instance) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(r.routes)
	next[routeKey{app, traffic.Staging}] = traffic.Route{
		App: app, Listener: traffic.Staging, Hosts: hosts,
		Stable: &traffic.Target{Label: instance.ID, Addresses: []string{instance.Address}},
	}
	return r.apply(ctx, next)
}

// unstage ends what stage began.
func (r *router) unstage(ctx context.Context, app string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(r.routes)
	delete(next, routeKey{app, traffic.Staging})
	return r.apply(ctx, next)
}

// apply puts the routes in force. The caller holds the lock.
func (r *router) apply(ctx context.Context, next map[routeKey]traffic.Route) error {
	status, err := r.edge.Status(ctx)
	if err != nil {
		return err
	}
	version := max(r.version, status.TableVersion) + 1
	err = r.edge.PutTable(ctx, table(version, next))
	if err != nil && !errors.Is(err, traffic.ErrNotDurable) { // the next renewal writes it again
		return err
	}
	r.routes, r.version, r.put = next, version, time.Now()
	return nil
}

func table(version uint64, routes map[routeKey]traffic.Route) traffic.Table {
	t := traffic.Table{Version: version}
	for _, key := range slices.SortedFunc(maps.Keys(routes), compareKeys) {
		t.Routes = append(t.Routes, routes[key])
	}
	return t
}

func compareKeys(a, b routeKey) int {
	return slices.Compare([]string{a.app, string(a.listener)}, []string{b.app, string(b.listener)})
}

// renew puts the same table again, which makes its leases run anew.
func (r *router) renew(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.put) < renewal {
		return nil
	}
	if err := r.edge.PutTable(ctx, table(r.version, r.routes)); err != nil {
		return err
	}
	r.put = time.Now()
	return nil
}

// Cohorts implements release.Router.
func (r *router) Cohorts(ctx context.Context, app string, after release.Cursor) (release.Batch, bool, error) {
	if err := r.renew(ctx); err != nil {
		return release.Batch{}, false, err
	}
	got, err := r.edge.Cohorts(ctx, after.Epoch, after.Next)
	if err != nil {
		return release.Batch{}, false, err
	}
	batch := release.Batch{Epoch: got.Epoch, Next: got.Next}
	for _, c := range got.Cohorts {
		if c.App == app {
			batch.Cohorts = append(batch.Cohorts, cohort(c))
		}
	}
	lapsed, err := r.lapsed(ctx, app)
	return batch, lapsed, err
}

func (r *router) lapsed(ctx context.Context, app string) (bool, error) {
	status, err := r.edge.Status(ctx)
	if err != nil {
		return false, err
	}
	for _, route := range status.Routes {
		if route.App == app && route.Listener == traffic.Production {
			return route.Lapsed, nil
		}
	}
	return false, nil
}

// addresses returns where each release's production instances answer.
func (r *router) addresses(ctx context.Context) (map[string]answers, error) {
	instances, err := r.instances.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	return answering(instances), nil
}

// Past implements release.Router.
func (r *router) Past(ctx context.Context, app, id string) (latencies []analysis.Bucket, failed int64, err error) {
	past, err := r.edge.Past(ctx, app, id)
	if err != nil {
		return nil, 0, err
	}
	for _, b := range past.Latency {
		latencies = append(latencies, analysis.Bucket{UpTo: b.UpTo.Std(), Count: int64(b.Count)})
	}
	return latencies, int64(past.Failed), nil
}

// Drained implements release.Router. What is still in flight at the limit is
// cut with the instance.
func (r *router) Drained(ctx context.Context, app, id string, limit time.Duration) error {
	_, err := r.edge.Drained(ctx, traffic.Drain{
		Listener: traffic.Production, App: app, Label: id, Timeout: limit,
	})
	return err
}

// cohort hands the edge's counts to the analysis.
func cohort(c traffic.Cohort) release.Cohort {
	return release.Cohort{
		Version: c.Route, Tick: c.Tick, Weight: c.Weight, Canary: counts(c.Canary), Stable: counts(c.Stable),
	}
}

func counts(c traffic.Counts) analysis.Counts {
	units := make([]int64, len(c.Units))
	for class, n := range c.Units {
		units[class] = int64(n)
	}
	return analysis.Counts{Units: units}
}
