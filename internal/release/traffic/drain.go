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
// returns how many are left. A version that is not known has none. Streams leave in
// the second half of that time.
func (r *router) drain(ctx context.Context, key appKey, label string) (int64, error) {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	goodbye := newFarewell(ctx)
	for {
		v, err := r.unrouted(key, label)
		if v == nil || err != nil {
			return 0, err
		}
		left := v.inFlight.Load()
		if left == 0 {
			return 0, nil
		}
		goodbye.dismiss(v, time.Now())
		select {
		case <-ctx.Done():
			return left, nil
		case <-tick.C:
		}
	}
}

// unrouted returns a version that gets no requests, nil if it is not known.
func (r *router) unrouted(key appKey, label string) (*version, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.apps[key]
	if a == nil || a.versions[label] == nil {
		return nil, nil
	}
	v := a.versions[label]
	if to := a.route; to.names(v) && (to.stable.version == v || to.weight > 0) {
		return nil, ErrRouted
	}
	return v, nil
}

// dismissAll lets all streams leave in the second half of the time that ctx has.
func (r *router) dismissAll(ctx context.Context) {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	goodbye := newFarewell(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, v := range r.all() {
				goodbye.dismiss(v, now)
			}
		}
	}
}

// all returns the versions that the router knows.
func (r *router) all() []*version {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var all []*version
	for _, a := range r.apps {
		for _, v := range a.versions {
			all = append(all, v)
		}
	}
	return all
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
	var left int64
	for _, v := range r.all() {
		left += v.inFlight.Load()
	}
	return left
}
