package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// atOnce lets a release go on as soon as it may.
	atOnce = "release: {steps: [50%], dwell: 0s, warmup: 0s, bake: 0s, deadline: 1s, undecided: promote}\n"
	// failing is a version that half of the requests fail on, which only the canary finds.
	failing = "run:\n  env: {ORDERS_FAIL_SHARE: \"0.5\"}\nrelease: {steps: [50%], dwell: 30s, warmup: 0s, bake: 30s, deadline: 1m}\n"
	host    = "orders.localhost"
)

// loop measures the whole way from a changed line to production, beside the
// compiler alone, and how long a rollback takes once the verdict is there.
func (b *bench) loop(ctx context.Context, t *table) (err error) {
	p, err := b.startPlatform(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.down(ctx)) }()
	dir, err := p.orders("orders", atOnce)
	if err != nil {
		return err
	}
	if _, err := p.ship(ctx, dir); err != nil {
		return err
	}
	stop := p.users(ctx)
	defer stop()
	var beyond []float64
	for n := range b.rounds {
		if err := edit(dir, fmt.Sprintf("compiled %d", n)); err != nil {
			return err
		}
		begin := time.Now()
		if err := command(ctx, dir, nil, "go", "build", "-trimpath", "-o", filepath.Join(p.dir, "out"), "."); err != nil {
			return err
		}
		compile := time.Since(begin)
		if err := edit(dir, fmt.Sprintf("shipped %d", n)); err != nil {
			return err
		}
		whole, err := p.ship(ctx, dir)
		if err != nil {
			return err
		}
		beyond = append(beyond, (whole - compile).Seconds())
	}
	t.most("changed line → live, beyond the compiler", median(beyond), 3, "s")
	return b.rollback(ctx, t, p, dir)
}

// users makes some hundred requests a second until it is told to stop, and counts
// those that are answered and those that are not.
func (p *platform) users(ctx context.Context) (stop func() (served, failed int64)) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	var served, failed atomic.Int64
	for range 4 {
		group.Go(func() {
			c := &client{address: p.edge, request: fmt.Appendf(nil, "GET /orders/1 HTTP/1.1\r\nHost: %s\r\n\r\n", host)}
			defer c.close()
			for ctx.Err() == nil {
				if err := c.do(context.WithoutCancel(ctx)); err != nil {
					failed.Add(1)
				} else {
					served.Add(1)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		group.Wait()
		return served.Load(), failed.Load()
	}
}

// rollback ships versions that fail and reads from the journal how long the
// canary had traffic after the verdict.
func (b *bench) rollback(ctx context.Context, t *table, p *platform, dir string) error {
	if err := settings(dir, "orders", failing); err != nil {
		return err
	}
	var took []float64
	for n := range b.rounds {
		if err := edit(dir, fmt.Sprintf("bad %d", n)); err != nil {
			return err
		}
		_, err := p.ship(ctx, dir)
		if exit, found := errors.AsType[*exec.ExitError](err); !found || exit.ExitCode() != 5 {
			return fmt.Errorf("a failing version was not rolled back: %w", err)
		}
		ms, err := p.verdictToWeight(ctx)
		if err != nil {
			return err
		}
		took = append(took, ms)
	}
	t.most("verdict → weight 0, by the journal", median(took), 100, "ms")
	return nil
}

// verdictToWeight reads the end of the journal: the entry of the verdict, and the
// one that says that the canary's weight is gone.
func (p *platform) verdictToWeight(ctx context.Context) (ms float64, err error) {
	data, err := output(ctx, "", p.env, p.bench.davit, "audit", "list", "--json")
	if err != nil {
		return 0, err
	}
	var entries []struct {
		Index int64
		Time  time.Time
		Kind  string
		Data  struct {
			At     *int64
			Action *struct {
				Kind    string
				Routing *struct{ Canary string }
			}
		}
	}
	if err := json.Unmarshal(data, &entries); err != nil {
		return 0, fmt.Errorf("read the journal: %w", err)
	}
	var verdict time.Time
	var routing int64
	for _, e := range entries {
		switch a := e.Data.Action; {
		case e.Kind == "stopped":
			verdict, routing = e.Time, 0
		case e.Kind == "acting" && !verdict.IsZero() && routing == 0 && a != nil && a.Kind == "route" && a.Routing.Canary == "":
			routing = e.Index
		case e.Kind == "acted" && routing > 0 && e.Data.At != nil && *e.Data.At == routing:
			ms = e.Time.Sub(verdict).Seconds() * 1000
		}
	}
	if ms == 0 {
		return 0, errors.New("the journal has no verdict with a change of weight")
	}
	return ms, nil
}
