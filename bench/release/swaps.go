package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// How many changes there are: each fifth new version is taken back.
const (
	swapCount     = 1000
	rollbackCount = 200
)

// swaps replaces versions under load. Each is cut off hard as soon as it is
// drained, so that a request that drain did not see fails.
func (b *bench) swaps(ctx context.Context, t *table) (err error) {
	e, err := b.startEdge(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	s := &swapping{edge: e, live: newVersion(0)}
	defer func() { s.live.cut() }()
	if err := e.route(ctx, s.live.target, nil, 0); err != nil {
		return err
	}
	load := s.load(ctx)
	for n := 1; n <= swapCount+rollbackCount && err == nil; n++ {
		err = s.change(ctx, n, n%6 == 0)
	}
	for err == nil && s.served.Load() < b.requests && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	s.done.Store(true)
	load.Wait()
	t.note("swaps and rollbacks: requests", float64(s.served.Load()), "")
	t.most(fmt.Sprintf("failed requests over %d swaps and %d rollbacks", s.swapped, s.back), float64(s.failed.Load()), 0, "")
	return err
}

// version is a version of the app with a server of its own.
type version struct {
	target *traffic.Target
	server *httptest.Server
}

func newVersion(n int) version {
	server := sized()
	return version{target(fmt.Sprintf("r%d", n), server.Listener.Addr().String()), server}
}

func (v version) cut() {
	v.server.CloseClientConnections()
	v.server.Close()
}

type swapping struct {
	edge          *edge
	live          version
	served        atomic.Int64
	failed        atomic.Int64
	done          atomic.Bool
	swapped, back int
}

// load makes requests on eight connections until it is told that it is done.
func (s *swapping) load(ctx context.Context) *sync.WaitGroup {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			c := newClient(s.edge.address, "a", 1<<10)
			defer c.close()
			for !s.done.Load() && ctx.Err() == nil {
				if err := c.do(ctx); err != nil {
					s.failed.Add(1)
					continue
				}
				s.served.Add(1)
			}
		})
	}
	return &group
}

// change brings a new version in, and either lets it stay or takes it back.
func (s *swapping) change(ctx context.Context, n int, takeBack bool) error {
	next := newVersion(n)
	if err := s.edge.route(ctx, s.live.target, next.target, 0.5); err != nil {
		return err
	}
	before := s.served.Load()
	if err := eventually(ctx, "both versions serve", func() bool { return s.served.Load() > before+10 }); err != nil {
		return err
	}
	stays, goes := next, s.live
	if takeBack {
		stays, goes = s.live, next
		s.back++
	} else {
		s.swapped++
	}
	if err := s.edge.route(ctx, stays.target, nil, 0); err != nil {
		return err
	}
	s.live = stays
	left, err := s.edge.Drained(ctx, traffic.Drain{Listener: traffic.Production, App: "a", Label: goes.target.Label, Timeout: 10 * time.Second})
	if err == nil && left > 0 {
		err = fmt.Errorf("%d requests are left on %s after ten seconds", left, goes.target.Label)
	}
	goes.cut()
	return err
}
