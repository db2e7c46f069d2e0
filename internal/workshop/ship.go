package workshop

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/sink"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
)

// Image makes the image of a tree that a release of this machine runs: that of
// its own platform.
func Image(ctx context.Context, tree source.Tree, settings config.Config, progress func(build.Event)) (*build.Image, error) {
	b := &bench{module: tree, settings: settings, order: Order{Progress: progress}}
	b.tree = func(context.Context) (source.Tree, error) { return tree, nil }
	var err error
	if b.order.Platforms, err = ownPlatform(settings.Build.Platforms); err != nil {
		return nil, err
	}
	if b.lock, err = base.ReadLock(tree.Dir); err != nil {
		return nil, err
	}
	if b.bases, err = newBases(b.lock, progress); err != nil {
		return nil, err
	}
	cfg, err := b.config(ctx)
	if err != nil {
		return nil, err
	}
	images, err := b.images(ctx, job{config: cfg, wanted: cfg.Main})
	if err != nil {
		return nil, err
	}
	return images[0], b.keepLock()
}

// ownPlatform picks this machine's platform from those of the configuration.
func ownPlatform(platforms []string) ([]string, error) {
	own := "linux/" + runtime.GOARCH
	for _, p := range platforms {
		if p == own || strings.HasPrefix(p, own+"/") {
			return []string{p}, nil
		}
	}
	if len(platforms) > 0 {
		return nil, fmt.Errorf("build.platforms: %s is not among them, and a release here needs an image for this machine", own)
	}
	return nil, nil
}

// Push sends an image to a registry, as a user of it.
func Push(ctx context.Context, image *build.Image, reference, user, password string) error {
	ref, err := sink.ParseReference(reference)
	if err != nil {
		return err
	}
	return sink.Pusher{User: user, Password: password}.Push(ctx, sinkImage(image), ref)
}
