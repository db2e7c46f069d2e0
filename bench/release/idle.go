package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// idleTime is how long control is looked at while nothing happens.
const idleTime = 20 * time.Second

// idle ships many apps and looks at what control takes when it has nothing to do.
func (b *bench) idle(ctx context.Context, t *table) (err error) {
	p, err := b.startPlatform(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.down(ctx)) }()
	for n := range b.apps {
		dir, err := p.orders(fmt.Sprintf("app-%d", n), atOnce)
		if err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(dir, "acceptance")); err != nil { // nothing of it is measured here
			return err
		}
		if _, err := p.ship(ctx, dir); err != nil {
			return err
		}
	}
	before, err := cpuOf(p.pid)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idleTime):
	}
	after, err := cpuOf(p.pid)
	if err != nil {
		return err
	}
	memory, err := resident(p.pid)
	if err != nil {
		return err
	}
	t.most(fmt.Sprintf("control, idle, %d apps: memory", b.apps), memory, 150, "MiB")
	t.most(fmt.Sprintf("control, idle, %d apps: share of a core", b.apps), 100*(after-before).Seconds()/idleTime.Seconds(), 1, "%")
	return nil
}
