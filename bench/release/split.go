package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// splitRequests is how many requests the share of the canary is taken of.
const splitRequests = 100_000

// split holds the share that the canary gets against the one that it should get.
func (b *bench) split(ctx context.Context, t *table) (err error) {
	server := sized()
	defer server.Close()
	e, err := b.startEdge(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	backend := server.Listener.Addr().String()
	const weight = 0.25
	if err := e.route(ctx, target("r1", backend), target("r2", backend), weight); err != nil {
		return err
	}
	for sent := int64(0); sent < splitRequests; {
		done, err := closed(ctx, e.address, "a", 100, time.Second)
		if err != nil {
			return err
		}
		sent += done
	}
	share, err := canaryShare(ctx, e)
	t.most("split: canary's share, off by", 100*math.Abs(share-weight), 0.5, "points")
	return err
}

func canaryShare(ctx context.Context, e *edge) (float64, error) {
	status, err := e.Status(ctx)
	if err != nil {
		return 0, err
	}
	var canary, all float64
	for _, v := range status.Routes[0].Versions {
		all += float64(v.Requests)
		if v.Role == traffic.RoleCanary {
			canary += float64(v.Requests)
		}
	}
	return canary / all, nil
}
