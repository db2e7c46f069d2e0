package release

import (
	"context"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/verify"
)

// Journal is where events are written before the world is touched.
type Journal interface {
	// Append makes the entry durable and returns it with its index and time.
	Append(ctx context.Context, entry Entry) (Entry, error)
	// Replay calls fn with every entry in order.
	Replay(ctx context.Context, fn func(Entry) error) error
}

// Fleet runs the production instances of releases. All its methods are idempotent.
type Fleet interface {
	// Start returns when that many instances of the release are ready. Those that
	// run already are left alone. When one does not start, others may run.
	Start(ctx context.Context, release string, plan Plan, replicas int) error
	// Stop ends them all; what they do with requests in flight is bounded by grace.
	Stop(ctx context.Context, release string, grace time.Duration) error
	// Health returns how the app's releases are that have any instance.
	Health(ctx context.Context, app string) (map[string]Health, error)
}

// Router puts routings in force at the edge.
type Router interface {
	// Set changes the traffic of the given apps and of no others. Setting the
	// same version again changes nothing.
	Set(ctx context.Context, traffic ...Traffic) error
	// Cohorts returns what was scored after the cursor, and renews the lease.
	// Lapsed says that the edge took the canary's weight back by itself.
	Cohorts(ctx context.Context, app string, after Cursor) (batch Batch, lapsed bool, err error)
	// Past returns how the release did since it has traffic: the latencies of its
	// requests, and how many failed.
	Past(ctx context.Context, app, release string) (latencies []analysis.Bucket, failed int64, err error)
	// Drained waits until the release has no request in flight, at most for limit.
	Drained(ctx context.Context, app, release string, limit time.Duration) error
}

// Plans is where plans are kept.
type Plans interface {
	// Plan reads the plan from an artifact beside its image.
	Plan(ctx context.Context, repository, stored string) (Plan, error)
}

// Prover proves a plan in staging.
type Prover interface {
	Prove(ctx context.Context, release string, plan Plan) (verify.Report, error)
}

// Traffic is a routing with all that the edge needs of it.
type Traffic struct {
	App     string
	Hosts   []string
	Version uint64 // journal index of the action
	Routing Routing
	Cuts    *Cuts // how latencies are told apart while there is a canary; nil: they are not
	// Affinity is what stays with its version while there is a canary, and Mirror
	// the share of the stable version's safe requests that the canary gets copied.
	Affinity Affinity
	Mirror   float64
}

// Cuts are where the latencies of the two versions are cut into classes.
type Cuts struct{ Stable, Canary []time.Duration }

// cutsAt returns those of a release whose stable version is cut there.
func (r *Release) cutsAt(stable []time.Duration) *Cuts {
	if len(stable) == 0 {
		return nil
	}
	t := r.Plan.Release.Tolerance
	tolerance := analysis.LatencyTolerance{Share: t.Latency.Float(), Least: t.Delay.Std()}
	return &Cuts{Stable: stable, Canary: tolerance.Tolerated(stable)}
}

// traffic returns what the edge shall do for the app. Hosts are those of the
// live version until another takes its place.
func (a *App) traffic() Traffic {
	t := Traffic{App: a.Name, Version: uint64(a.Version), Routing: a.Routing}
	if r := a.Find(a.Routing.Stable); r != nil {
		t.Hosts = r.Plan.Hosts
	}
	if r := a.Find(a.Routing.Canary); r != nil {
		t.Cuts = r.cutsAt(r.cuts)
		t.Affinity, t.Mirror = r.Plan.Release.Affinity, r.Plan.Release.Mirror.Float()
	}
	return t
}
