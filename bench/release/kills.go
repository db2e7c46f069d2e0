package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// walking is a version that is fine and takes its time on its way.
const walking = "release: {steps: [25%%, 50%%], dwell: 1s, warmup: 0s, bake: 1s, deadline: 1m, undecided: promote}\nrun: {env: {BUILD: \"%d\"}}\n"

// longestLife is how long control lives at most until it is killed again.
const longestLife = 800 * time.Millisecond

// kills kills control at random moments of releases, under load. Nothing may fail,
// every release has to come to the end that it would have come to, and the journal
// has to be whole.
func (b *bench) kills(ctx context.Context, t *table) (err error) {
	p, err := b.startPlatform(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.down(ctx)) }()
	dir, err := p.orders("orders", fmt.Sprintf(walking, 0))
	if err != nil {
		return err
	}
	if _, err := p.ship(ctx, dir); err != nil {
		return err
	}
	stop := p.users(ctx)
	for n := range b.deaths {
		if err := p.underway(ctx, dir, n+1); err != nil {
			return err
		}
		time.Sleep(rand.N(longestLife))
		if err := p.cmd.Process.Kill(); err != nil {
			return err
		}
		_ = p.cmd.Wait() // it was killed
		if err := p.serve(ctx); err != nil {
			return err
		}
	}
	ended, err := p.ends(ctx)
	served, failed := stop()
	if err != nil {
		return err
	}
	t.note(fmt.Sprintf("control killed %d times: requests", b.deaths), float64(served), "")
	t.most(fmt.Sprintf("failed requests over %d deaths of control", b.deaths), float64(failed), 0, "")
	t.most(fmt.Sprintf("of %d releases meanwhile, those that did not go live", ended.all), float64(ended.all-ended.live), 0, "")
	return command(ctx, "", p.env, b.davit, "audit", "verify")
}

// app is what `davit status --json` says of one.
type app struct {
	Current  string
	Releases []struct{ ID, Outcome string }
}

func (p *platform) app(ctx context.Context) (app, error) {
	out, err := output(ctx, "", p.env, p.bench.davit, "status", "--json", "orders")
	if err != nil {
		return app{}, err
	}
	var status struct{ Apps []app }
	if err := json.Unmarshal(out, &status); err != nil || len(status.Apps) != 1 {
		return app{}, fmt.Errorf("read the status: %d apps, %v", len(status.Apps), err) //nolint:errorlint // it may be nil
	}
	return status.Apps[0], nil
}

// underway sees to it that there is a release to be disturbed.
func (p *platform) underway(ctx context.Context, dir string, n int) error {
	a, err := p.app(ctx)
	if err != nil || a.Current != "" {
		return err
	}
	if err := settings(dir, "orders", fmt.Sprintf(walking, n)); err != nil {
		return err
	}
	return command(ctx, dir, p.env, p.bench.davit, "ship", "--detach", "--skip-tests")
}

// ends waits until nothing is under way, and counts the releases and those of
// them that went live.
func (p *platform) ends(ctx context.Context) (ended struct{ all, live int }, err error) {
	var a app
	err = eventually(ctx, "the last release ends", func() bool {
		a, err = p.app(ctx)
		return err != nil || a.Current == ""
	})
	for _, r := range a.Releases {
		ended.all++
		if r.Outcome == "live" {
			ended.live++
		}
	}
	return ended, err
}
