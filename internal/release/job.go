package release

import (
	"context"

	"github.com/davit-dev/davit/internal/release/analysis"
)

// prepare binds an action to what the state says now, so that it does not read
// the state while the loop changes it.
func (m *machine) prepare(at int64, action Action) func(context.Context) Result {
	r := m.app.Find(action.Release)
	switch action.Kind {
	case Prove:
		return func(ctx context.Context) Result { return m.prove(ctx, r.ID, r.Plan) }
	case Start:
		return func(ctx context.Context) Result {
			return failed(m.deps.Fleet.Start(ctx, r.ID, r.Plan, max(1, action.Replicas)))
		}
	case Stop:
		return func(ctx context.Context) Result { return m.stop(ctx, r) }
	default:
		return m.prepareRoute(at, action)
	}
}

func (m *machine) prepareRoute(at int64, action Action) func(context.Context) Result {
	traffic := Traffic{App: m.app.Name, Version: uint64(at), Routing: *action.Routing}
	if r := m.app.Find(action.Routing.Stable); r != nil {
		traffic.Hosts = r.Plan.Hosts
	}
	canary := m.app.Find(action.Routing.Canary)
	if canary != nil {
		traffic.Affinity, traffic.Mirror = canary.Plan.Release.Affinity, canary.Plan.Release.Mirror.Float()
	}
	if canary == nil || m.app.Routing.Canary != "" {
		if canary != nil {
			traffic.Cuts = canary.cutsAt(canary.cuts)
		}
		return func(ctx context.Context) Result { return failed(m.deps.Router.Set(ctx, traffic)) }
	}
	return func(ctx context.Context) Result {
		latencies, errors, err := m.deps.Router.Past(ctx, traffic.App, action.Routing.Stable)
		if err != nil {
			return failed(m.deps.Router.Set(ctx, traffic)) // a release goes on without a past
		}
		cuts, prior := analysis.Cut(latencies, errors)
		traffic.Cuts = canary.cutsAt(cuts)
		result := failed(m.deps.Router.Set(ctx, traffic))
		result.Prior, result.Cuts = &prior, cuts
		return result
	}
}

func (m *machine) prove(ctx context.Context, release string, plan Plan) Result {
	report, err := m.deps.Prover.Prove(ctx, release, plan)
	if err != nil {
		return failed(err)
	}
	return Result{Report: &report}
}

func (m *machine) stop(ctx context.Context, r *Release) Result {
	drain := r.Plan.Run.Drain.Std()
	if err := m.deps.Router.Drained(ctx, r.App, r.ID, drain); err != nil {
		return failed(err)
	}
	return failed(m.deps.Fleet.Stop(ctx, r.ID, drain))
}

func failed(err error) Result {
	if err != nil {
		return Result{Error: err.Error()}
	}
	return Result{}
}
