package workshop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/recipe"
	"github.com/davit-dev/davit/internal/build/sink"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
)

// Plan says how a Dockerfile would be built, by reading nothing else but the
// makefiles that it uses.
func Plan(o Order) (*recipe.Plan, error) {
	platforms, err := build.ParsePlatforms(o.Platforms)
	if err != nil {
		return nil, input(err)
	}
	return parseRecipe(o, platforms[0], "0")
}

// parseRecipe reads the order's Dockerfile. epoch, in seconds since 1970, is what
// its commands take for now, unless an argument says otherwise.
func parseRecipe(o Order, p v1.Platform, epoch string) (*recipe.Plan, error) {
	data, err := os.ReadFile(o.Dockerfile)
	if err != nil {
		return nil, input(fmt.Errorf("read Dockerfile: %w", err))
	}
	dir := "."
	if len(o.Targets) > 0 {
		dir = o.Targets[0]
	}
	plan, err := recipe.Parse(data, recipe.Options{
		Name: o.Dockerfile, Target: o.Stage, Platform: p.String(), Context: dir,
		Args: merged(map[string]string{"SOURCE_DATE_EPOCH": epoch}, o.Args),
	})
	return plan, input(err)
}

// openRecipe prepares the build of a Dockerfile. Its context is a folder, which
// need not be a module.
func openRecipe(o Order) (*bench, error) {
	if len(o.Targets) > 1 {
		return nil, inputErrorf("--file: one folder is the build context, not %d", len(o.Targets))
	}
	dir := "."
	if len(o.Targets) == 1 {
		dir = o.Targets[0]
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the build context: %w", err)
	}
	b := &bench{order: o, module: source.Tree{Dir: dir}, settings: config.Default(filepath.Base(dir))}
	b.tree = once(func(ctx context.Context) (source.Tree, error) {
		tree, err := source.Load(ctx, dir)
		if about := (*source.Error)(nil); errors.As(err, &about) {
			return b.module, nil // it is no module, so nothing more is known
		}
		return tree, err
	})
	if b.lock, err = readLock(dir); err != nil {
		return nil, err
	}
	b.bases, err = newBases(b.lock, o.Progress)
	return b, err
}

// makeRecipe builds the image of a Dockerfile: natively, or by a builder that is
// there.
func (b *bench) makeRecipe(ctx context.Context) ([]made, error) {
	platforms, err := build.ParsePlatforms(b.order.Platforms)
	if err != nil {
		return nil, input(err)
	}
	cfg := b.settings.Build
	cfg.Annotations = b.order.Annotations
	options, err := b.options(ctx)
	if err != nil {
		return nil, err
	}
	builder, err := build.New(cfg, options)
	if err != nil {
		return nil, err
	}
	stages := make([]build.Stage, len(platforms))
	for i, p := range platforms {
		if stages[i], err = b.stage(ctx, p); err != nil {
			return nil, err
		}
		stages[i].Config.Labels = merged(stages[i].Config.Labels, b.order.Labels)
	}
	image, err := builder.Assemble(ctx, b.settings.Name, stages)
	if err != nil {
		return nil, err
	}
	all := []made{{image: image, config: cfg}}
	b.name(all)
	return all, nil
}

// stage builds the Dockerfile for a platform. What is not understood goes to
// another builder; an error is what both know of it.
func (b *bench) stage(ctx context.Context, p v1.Platform) (build.Stage, error) {
	plan, err := parseRecipe(b.order, p, b.epoch(ctx))
	if err != nil {
		return build.Stage{}, err
	}
	result, err := b.execute(ctx, plan, p)
	foreign := (*recipe.Foreign)(nil)
	switch {
	case errors.As(err, &foreign):
		return b.handOver(ctx, foreign, p)
	case err != nil:
		return build.Stage{}, whose(err)
	}
	return build.Stage{Platform: p, Base: result.Base, Config: result.Config, Author: result.Author, Layers: result.Layers}, nil
}

// epoch is the time that a build happens at, so that the same source gives the
// same image (reproducible-builds.org/specs/source-date-epoch): what the variable
// says, else when it was committed, else 1970.
func (b *bench) epoch(ctx context.Context) string {
	if set := os.Getenv("SOURCE_DATE_EPOCH"); set != "" {
		return set
	}
	if tree, err := b.tree(ctx); err == nil && tree.Revision != "" {
		if state, err := sink.DescribeGit(ctx, tree); err == nil {
			return strconv.FormatInt(state.Time.Unix(), 10)
		}
	}
	return "0"
}

func (b *bench) execute(ctx context.Context, plan *recipe.Plan, p v1.Platform) (recipe.Result, error) {
	if !plan.Native() {
		return recipe.Result{}, plan.Reason
	}
	cache, err := cacheDir()
	if err != nil {
		return recipe.Result{}, err
	}
	sum := sha256.Sum256([]byte(b.module.Dir + "\x00" + b.order.Dockerfile + "\x00" + b.order.Stage + "\x00" + p.String()))
	scratch := filepath.Join(cache, "recipes", hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return recipe.Result{}, fmt.Errorf("make a folder for stages: %w", err)
	}
	now := time.Now()
	_ = os.Chtimes(scratch, now, now) // else it is swept earlier, no more
	layer.Sweep(filepath.Dir(scratch), now.Add(-layer.UnusedAfter))
	return plan.Run(ctx, b.module.Dir, recipe.World{
		Scratch: scratch, Dockerfile: b.order.Dockerfile, Roots: base.Roots, Zones: base.Zones,
		Base: func(ctx context.Context, ref, platform string) (v1.Image, error) {
			wanted, err := build.ParsePlatform(platform)
			if err != nil {
				return nil, err
			}
			image, err := b.bases.Image(ctx, ref, wanted)
			if err != nil {
				return nil, fetchError{err}
			}
			return image, nil
		},
		Progress: func(step string) { b.tell(build.Event{Step: build.Compiling, Subject: step}) },
	})
}
