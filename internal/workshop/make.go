package workshop

import (
	"context"
	"fmt"
	"go/version"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/ko"
	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/prober"
	"github.com/davit-dev/davit/internal/source"
)

// made is an image with how it was made.
type made struct {
	image  *build.Image
	config build.Config
	debug  *build.Image // the same with debug information, nil where nobody asked
	built  Built
}

// make builds the images.
func (b *bench) make(ctx context.Context) ([]made, error) {
	if b.order.Dockerfile != "" {
		return b.makeRecipe(ctx)
	}
	if b.ko.Found {
		return b.makeLikeKo(ctx)
	}
	cfg, err := b.config(ctx)
	if err != nil {
		return nil, err
	}
	wanted := b.wanted
	if len(wanted) == 0 {
		wanted = cfg.Main
	}
	all, err := b.build(ctx, job{config: cfg, wanted: wanted, each: b.each})
	if err != nil {
		return nil, err
	}
	b.name(all)
	return all, nil
}

// config is davit.yaml's with what the order says over it.
func (b *bench) config(ctx context.Context) (build.Config, error) {
	cfg := b.settings.Build
	if len(b.order.Platforms) > 0 {
		cfg.Platforms = b.order.Platforms
	}
	if b.order.User != "" {
		cfg.User = b.order.User
	}
	cfg.Flags = slices.Concat(cfg.Flags, b.order.Flags)
	cfg.Ldflags = slices.Concat(cfg.Ldflags, b.order.Ldflags)
	cfg.Labels = merged(cfg.Labels, b.order.Labels)
	cfg.Annotations = merged(cfg.Annotations, b.order.Annotations)
	if cfg.GitLabels {
		labels, err := b.gitLabels(ctx)
		if err != nil {
			return cfg, err
		}
		cfg.Labels = merged(labels, cfg.Labels)
	}
	if cfg.Path == "" && !b.each && len(cfg.Main) < 2 {
		cfg.Path = "/app/" + b.settings.Name
	}
	if len(cfg.Expose) == 0 {
		cfg.Expose = []string{strconv.Itoa(b.settings.Run.Port)}
	}
	return cfg, nil
}

func merged(under, over map[string]string) map[string]string {
	if len(over) == 0 {
		return under
	}
	all := maps.Clone(under)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, over)
	return all
}

// gitLabels say where the program's text comes from (OCI image-spec 1.1,
// annotations.md).
func (b *bench) gitLabels(ctx context.Context) (map[string]string, error) {
	tree, err := b.tree(ctx)
	if err != nil {
		return nil, err
	}
	if tree.Revision == "" {
		return nil, inputErrorf("build.gitlabels: %s is in no git repository, or nothing is committed", tree.Dir)
	}
	revision := tree.Revision
	if tree.Dirty {
		revision += "-dirty"
	}
	return map[string]string{"org.opencontainers.image.revision": revision}, nil
}

// job is what a builder is to make.
type job struct {
	config build.Config
	wanted []string      // main packages
	each   bool          // an image for each of them
	extra  []layer.Entry // files beside the programs
}

// build has the images of a job built, again or anew.
func (b *bench) build(ctx context.Context, j job) ([]made, error) {
	debug := j
	if b.order.DebugInfo {
		j.config.Ldflags = append(slices.Clone(j.config.Ldflags), "-s", "-w")
	}
	images, err := b.images(ctx, j)
	if err != nil {
		return nil, err
	}
	all := make([]made, len(images))
	for i, image := range images {
		all[i] = made{image: image, config: j.config}
	}
	if !b.order.DebugInfo {
		return all, nil
	}
	whole, err := b.images(ctx, debug)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].debug = whole[i]
	}
	return all, nil
}

func (b *bench) images(ctx context.Context, j job) ([]*build.Image, error) {
	options, err := b.options(ctx)
	if err != nil {
		return nil, err
	}
	options.Extra = j.extra
	builder, err := build.New(j.config, options)
	if err != nil {
		return nil, input(err)
	}
	images, _, err := builder.Again(ctx, b.module.Dir, j.wanted, j.each)
	if err != nil || images != nil {
		return images, err
	}
	return builder.Build(ctx, b.module.Dir, j.wanted, j.each, b.tree)
}

func (b *bench) options(ctx context.Context) (build.Options, error) {
	cache, err := cacheDir()
	if err != nil {
		return build.Options{}, err
	}
	health := b.settings.Run.Health
	return build.Options{
		Cache: cache, Progress: b.order.Progress, Bases: b.bases, Toolchain: b.lock.Go,
		Prober: func(p v1.Platform, toolchain string) (string, error) {
			if version.Compare(toolchain, prober.LeastGo) < 0 { // "local" has no order, and comes first
				toolchain = "local"
			}
			return prober.Build(ctx, filepath.Join(cache, "prober"), append(build.PlatformEnv(p), "GOTOOLCHAIN="+toolchain), source.GoEnv)
		},
		Probe: build.Probe{
			Path: health.Path, Port: b.settings.Run.Port, Interval: health.Interval, Timeout: health.Timeout,
			Start: health.Start, Failures: health.Failures, Wait: b.settings.Run.Wait,
		},
	}, nil
}

// name gives the images their names: that of the app where there is one, else
// those of the programs, with their folders where two are called the same.
func (b *bench) name(all []made) {
	if b.order.Form != nil && b.order.Repo != "" {
		for i := range all {
			all[i].built.Name = ko.Name(b.order.Repo, all[i].image.Parts()[0].Binaries[0].Package, *b.order.Form)
		}
		return
	}
	if len(all) == 1 && !b.each {
		all[0].built.Name = b.nameIn(b.settings.Name, len(all))
		return
	}
	count := map[string]int{}
	for _, m := range all {
		count[m.image.Name()]++
	}
	for i, m := range all {
		name := m.image.Name()
		if count[name] > 1 {
			name = strings.TrimPrefix(m.image.Parts()[0].Binaries[0].Package, b.module.Module+"/")
		}
		all[i].built.Name = b.nameIn(name, len(all))
	}
}

// nameIn is a name in the repository of the order. A single image is the
// repository's; several have one below it each.
func (b *bench) nameIn(name string, images int) string {
	if b.order.Repo == "" {
		return name
	}
	if images == 1 {
		return b.order.Repo
	}
	return path.Join(b.order.Repo, name)
}

// makeLikeKo builds what ko's configuration describes: each main package with
// settings of its own.
func (b *bench) makeLikeKo(ctx context.Context) ([]made, error) {
	tree, err := b.tree(ctx)
	if err != nil {
		return nil, err
	}
	mains, err := tree.Select(b.wanted)
	if err != nil {
		return nil, err
	}
	var all []made
	for _, main := range mains {
		cfg, err := b.koConfig(ctx, main)
		if err != nil {
			return nil, err
		}
		data, err := ko.Kodata(filepath.Join(b.module.Dir, filepath.FromSlash(main.Dir)))
		if err != nil {
			return nil, err
		}
		if len(data) > 0 {
			cfg.ImageEnv = merged(cfg.ImageEnv, map[string]string{ko.DataVariable: ko.DataPath})
		}
		one, err := b.build(ctx, job{config: cfg, wanted: []string{main.Dir}, each: true, extra: data})
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	b.each = true
	if b.order.Form == nil {
		usual := ko.Hashed
		b.order.Form = &usual
	}
	b.name(all)
	return all, nil
}

// koConfig is the configuration of a main package as ko reads it, over davit's
// defaults.
func (b *bench) koConfig(ctx context.Context, main source.Main) (build.Config, error) {
	cfg, err := b.config(ctx)
	if err != nil {
		return cfg, err
	}
	said, err := b.ko.For(ctx, main.Package, filepath.Join(b.module.Dir, filepath.FromSlash(main.Dir)))
	if err != nil {
		return cfg, err
	}
	cfg.Path = "/ko-app/" + main.Name
	if said.Base != "" {
		cfg.Base = said.Base
	}
	cfg.Cgo, cfg.Env, cfg.Flags, cfg.Tags, cfg.Ldflags, cfg.Capabilities =
		said.Cgo, said.Env, slices.Concat(said.Flags, b.order.Flags), said.Tags, slices.Concat(said.Ldflags, b.order.Ldflags), said.Capabilities
	if len(b.order.Platforms) == 0 && len(said.Platforms) > 0 {
		if cfg.Platforms, err = ko.SelectPlatforms(said.Platforms, build.Platforms()); err != nil {
			return cfg, err
		}
	}
	return cfg, input(koProblem(cfg.Validate(), said.Origins))
}

// koProblem says where in ko's configuration the key stands that an error about
// davit's begins with.
func koProblem(err error, at ko.Origins) error {
	if err == nil {
		return nil
	}
	for key, place := range map[string]string{
		"base": at.Base, "platforms": at.Platforms, "env": at.Env, "flags": at.Flags, "ldflags": at.Ldflags, "capabilities": at.Capabilities,
	} {
		if place != "" && strings.HasPrefix(err.Error(), key) {
			return fmt.Errorf("%s: %w", place, err)
		}
	}
	return err
}

// place reads the names that ko has for this machine instead of a registry.
func (o *Order) place() error {
	switch to := ko.ParseDestination(o.Repo, false); to.Place {
	case ko.Docker:
		o.Load, o.Push = "docker", false
	case ko.Kind:
		return inputErrorf("%s: davit does not load into kind; build with --tarball FILE, then 'kind load image-archive FILE'", o.Repo)
	case ko.Nowhere, ko.Registry:
	}
	return nil
}
