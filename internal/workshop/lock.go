package workshop

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/source"
)

// Locking is what `davit lock` did.
type Locking struct {
	Go      string        `json:"go"`
	Changes []base.Change `json:"changes"`
}

// Lock pins the toolchain and the bases of the module in dir, for the platforms
// of its configuration. What is pinned stays, unless update asks for what the
// tags stand for now and for the toolchain of this machine.
func Lock(ctx context.Context, dir string, update bool, progress func(build.Event)) (Locking, error) {
	b, err := openModule(Order{Targets: []string{dir}, Progress: progress})
	if err != nil {
		return Locking{}, err
	}
	cfg := b.settings.Build
	platforms, err := build.ParsePlatforms(cfg.Platforms)
	if err != nil {
		return Locking{}, input(err)
	}
	var references []string
	if cfg.Base != build.BaseStatic && cfg.Base != build.BaseScratch {
		references = append(references, cfg.Base)
	}
	before := b.lock
	lock, changes, err := b.pin(ctx, references, platforms, update)
	if err != nil {
		return Locking{}, err
	}
	if lock.Go = before.Go; lock.Go == "" || update {
		if lock.Go, err = source.Toolchain(ctx, b.module.Dir); err != nil {
			return Locking{}, err
		}
		if err := base.ValidateGo(lock.Go); err != nil {
			return Locking{}, fmt.Errorf("pin the toolchain: %w", err)
		}
	}
	return Locking{Go: lock.Go, Changes: changes}, lock.Write(b.module.Dir)
}

func (b *bench) pin(ctx context.Context, references []string, platforms []v1.Platform, update bool) (base.Lock, []base.Change, error) {
	if update {
		return b.bases.Update(ctx, references, platforms)
	}
	var changes []base.Change
	for _, ref := range references {
		for _, p := range platforms {
			if _, err := b.bases.Image(ctx, ref, p); err != nil {
				return base.Lock{}, nil, err
			}
		}
		lock, _ := b.bases.Locked()
		if was, is := b.lock.Images[ref].Digest, lock.Images[ref].Digest; was != is {
			changes = append(changes, base.Change{Reference: ref, From: was, To: is})
		}
	}
	lock, _ := b.bases.Locked()
	return lock, changes, nil
}

func readLock(dir string) (base.Lock, error) {
	lock, err := base.ReadLock(dir)
	return lock, input(err)
}
