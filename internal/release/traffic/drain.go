package traffic

import (
	"context"
	"errors"
	"time"
)

// ErrRouted says that a version cannot be drained because requests are still
// routed to it.
var ErrRouted = errors.New("version is still routed")

// drainPoll is how often a waiting drain looks at the number in flight.
const drainPoll = 5 * time.Millisecond

// drain waits until no request is in flight on the version, or ctx ends, and
// returns how many are left. A version that is not known has none.
func (r *router) drain(ctx context.Context, key appKey, label string) (int64, error) {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		left, err := r.inFlight(key, label)
		if err != nil || left == 0 {
			return left, err
		}
		select {
		case <-ctx.Done():
			return left, nil
		case <-tick.C:
		}
	}
}

func (r *router) inFlight(key appKey, label string) (int64, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.apps[key]
	if a == nil || a.versions[label] == nil {
		return 0, nil
	}
	v := a.versions[label]
	if to := a.route; to.names(v) && (to.stable.version == v || to.weight > 0) {
		return 0, ErrRouted
	}
	return v.inFlight.Load(), nil
}

// drainAll waits until no request is in flight anywhere, or ctx ends.
func (r *router) drainAll(ctx context.Context) int64 {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		left := r.inFlightAll()
		if left == 0 {
			return 0
		}
		select {
		case <-ctx.Done():
			return left
		case <-tick.C:
		}
	}
}

func (r *router) inFlightAll() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var left int64
	for _, a := range r.apps {
		for _, v := range a.versions {
			left += v.inFlight.Load()
		}
	}
	return left
}
