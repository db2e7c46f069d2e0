package release

import "math"

// full is how many instances share the traffic of a version that has all of it.
func (p Plan) full() int { return max(1, p.Run.Replicas) }

// instances is how many the new version needs at a step: as many for its share of
// the traffic as the live version has for the rest, so that neither is slower for
// being more loaded, and all of them for the bake.
func (r *Release) instances(step int) int {
	full, weight := r.Plan.full(), r.weight(step)
	return min(full, int(math.Ceil(float64(full)*weight/(1-weight))))
}

// start has so many instances of a release run.
func start(r *Release, replicas int) *Event {
	return act(Action{Kind: Start, Release: r.ID, Replicas: replicas})
}

// starting says whether instances of the release are being started.
func (a *App) starting(id string) bool {
	for _, action := range a.Pending {
		if action.Kind == Start && action.Release == id {
			return true
		}
	}
	return false
}

// routed says whether the release has traffic.
func (a *App) routed(id string) bool {
	return id != "" && (id == a.Routing.Stable || id == a.Routing.Canary)
}

// started folds the end of a start. What does not start has no traffic yet and is
// rejected, or is missing for more traffic and sends the release back.
func (a *App) started(r *Release, action Action, result Result) {
	whole := result.Error == "" && !result.Canceled
	if whole || action.Replicas > 0 { // some may run, whatever came of the others; old journals have one or none
		a.Running[r.ID] = true
	}
	switch {
	case result.Canceled:
	case whole:
		r.replicas = max(1, action.Replicas)
		if r.Phase == PhaseSubmitted || r.Phase == PhaseVerified {
			r.Phase = PhaseStarted
		}
	case a.Current != r.ID || a.Live == r.ID:
		// Decide tries again: traffic needs it.
	case a.Routing.Canary == r.ID:
		r.short = "starting more instances: " + result.Error
	default:
		r.failure = "starting in production: " + result.Error
	}
}
