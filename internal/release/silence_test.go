package release_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/release"
)

// bent is a world whose counts do not come as they are.
type bent struct {
	*world

	bend func(release.Batch) (release.Batch, error)
}

func (b bent) Cohorts(ctx context.Context, app string, after release.Cursor) (release.Batch, bool, error) {
	batch, lapsed, err := b.world.Cohorts(ctx, app, after)
	if err == nil {
		batch, err = b.bend(batch)
	}
	return batch, lapsed, err
}

// TestReliability08WhatIsNoEvidencePromotesNothing: with a policy that promotes
// what is undecided, and a version of which nothing is known until after its
// deadline.
func TestReliability08WhatIsNoEvidencePromotesNothing(t *testing.T) {
	each := func(change func(*release.Cohort)) func(release.Batch) (release.Batch, error) {
		return func(b release.Batch) (release.Batch, error) {
			for i := range b.Cohorts {
				change(&b.Cohorts[i])
			}
			return b, nil
		}
	}
	for name, bend := range map[string]func(release.Batch) (release.Batch, error){
		"down": func(b release.Batch) (release.Batch, error) { return b, errors.New("the edge does not answer") },
		"empty": func(b release.Batch) (release.Batch, error) {
			return release.Batch{Epoch: b.Epoch, Next: b.Next}, nil
		},
		"NaN":                 each(func(c *release.Cohort) { c.Weight = math.NaN() }),
		"late":                each(func(c *release.Cohort) { c.Version-- }), // of the routing before
		"of nobody":           each(func(c *release.Cohort) { c.Canary.Units = nil }),
		"less than nothing":   each(func(c *release.Cohort) { c.Canary.Units = []int64{-1000, -1000} }),
		"of the old one only": each(func(c *release.Cohort) { clear(c.Canary.Units) }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c := bent{w, bend}.boot(t)
				defer c.end(t)
				c.ship(t, plan("v1"))
				id := c.submit(t, plan("v2", func(p *release.Plan) { p.Release.Undecided = release.Promote })).ID
				time.Sleep(time.Hour)
				if s := c.find(t, id); s.Outcome != "" || s.Waiting == "" || s.Step != 1 || w.split(id) != 0.05 {
					t.Errorf("after an hour: %s", dump(s))
				}
			})
		})
	}
}

// boot is world.boot, with counts that are bent.
func (b bent) boot(t *testing.T) *control {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	engine, err := release.New(ctx, release.Deps{
		Journal: b.world, Fleet: b.world, Router: b, Prover: b.world, Plans: b.world, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &control{world: b.world, Engine: engine, cancel: cancel, done: make(chan error, 1)}
	go func() { c.done <- engine.Run(ctx) }()
	synctest.Wait()
	return c
}

func TestReliability10ABreachWhileWaitingForAnApprovalRollsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		s := c.ship(t, plan("v2", func(p *release.Plan) { p.Release.Approval = release.BeforeLive }))
		if s.Waiting == "" || s.Outcome != "" {
			t.Fatalf("it does not wait: %s", dump(s))
		}
		w.change(func() { w.errors[s.ID] = 0.5 })
		time.Sleep(30 * time.Second)
		if s = c.find(t, s.ID); s.Outcome != release.RolledBack {
			t.Errorf("got %s", dump(s))
		}
		if v := c.view(t); v.Routing.Stable != "orders-1" || v.Routing.Canary != "" {
			t.Errorf("got %s", dump(v))
		}
	})
}

// Its process ends when it has nearly all of the traffic.
func TestReliability13AProcessThatEndsDuringTheBakeRollsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1"))
		id := c.submit(t, plan("v2")).ID
		for w.split(id) != release.BakeWeight {
			time.Sleep(time.Second)
		}
		w.change(func() { w.restarts[id] = 1 })
		if s := c.settle(t, id); s.Outcome != release.RolledBack || s.Step != s.Steps+1 {
			t.Errorf("got %s", dump(s))
		}
		if v := c.view(t); v.Live != "orders-1" || v.Routing.Stable != "orders-1" {
			t.Errorf("got %s", dump(v))
		}
	})
}

// TestAnInstanceThatDoesNotEndHoldsNothingBack: one of an old version has been tried
// to stop for so long that the next attempt is far off, when the new version turns
// bad.
func TestAnInstanceThatDoesNotEndHoldsNothingBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		w.change(func() { w.stuck["orders-1"] = true })
		c.ship(t, plan("v1"))
		c.ship(t, plan("v2"))
		time.Sleep(3 * time.Minute)
		id := c.submit(t, plan("v3")).ID
		time.Sleep(5 * time.Second)
		if w.split(id) == 0 {
			t.Fatalf("it has no traffic: %s", dump(c.find(t, id)))
		}
		w.change(func() { w.restarts[id] = 1 })
		time.Sleep(2 * time.Second)
		if v := c.view(t); v.Routing.Stable != "orders-2" || v.Routing.Canary != "" {
			t.Errorf("after two seconds: %s", dump(v))
		}
		w.change(func() { delete(w.stuck, "orders-1") })
		time.Sleep(time.Minute)
		w.change(func() {
			if w.running["orders-1"] != 0 {
				t.Error("it is not stopped when it can be")
			}
		})
	})
}
