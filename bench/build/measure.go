package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// tool is one way to build a service. cold is a fresh Go cache, "" the machine's.
type tool struct {
	name  string
	build func(ctx context.Context, cache string) error
}

// tools returns those that are compared. Davit and ko push to the registry; go build
// links to a stable path.
func (b *bench) tools(s service) []tool {
	out := filepath.Join(b.dir, "out", s.name)
	target := out + "/"
	return []tool{
		{"go build", func(ctx context.Context, cache string) error {
			args := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", target}, s.mains...)
			return command(ctx, s.dir, b.goEnv(cache), "go", args...)
		}},
		{local, func(ctx context.Context, cache string) error { return b.runDavit(ctx, s, cache, "--push=false") }},
		{pushed, func(ctx context.Context, cache string) error { return b.runDavit(ctx, s, cache, "--push=true") }},
		{"ko", func(ctx context.Context, cache string) error { return b.runKo(ctx, s, cache, "") }},
		{"ko, KOCACHE", func(ctx context.Context, cache string) error {
			return b.runKo(ctx, s, cache, filepath.Join(b.davitCache(cache), "ko"))
		}},
	}
}

// The two ways of davit: the first does what go build does, an image besides; the
// second what ko does.
const (
	local  = "davit"
	pushed = "davit, pushed"
)

func (b *bench) runDavit(ctx context.Context, s service, cache, push string) error {
	if cache != "" {
		cache += strings.TrimLeft(push, "-") // the two do not warm each other's
	}
	env := append(b.goEnv(cache), "XDG_CACHE_HOME="+b.davitCache(cache), "DOCKER_CONFIG="+b.dir)
	args := []string{"build", "--sbom=none", "--provenance=false", "--platform=linux/amd64", push, "--tag=latest", "--repo", b.repo("davit", s)}
	return command(ctx, s.dir, env, b.davit, append(args, s.mains...)...)
}

func (b *bench) repo(tool string, s service) string {
	return b.registry.address + "/" + tool + "/" + strings.ReplaceAll(s.name, " ", "-")
}

func (b *bench) davitCache(cache string) string {
	if cache == "" {
		return filepath.Join(b.dir, "cache")
	}
	return cache + "-davit"
}

func (b *bench) runKo(ctx context.Context, s service, cache, kocache string) error {
	env := append(b.goEnv(cache), "KO_DOCKER_REPO="+b.repo("ko", s), "KO_DEFAULTBASEIMAGE="+b.base, "KOCACHE="+kocache, "DOCKER_CONFIG="+b.dir)
	form := "--bare"
	if len(s.mains) > 1 {
		form = "--base-import-paths"
	}
	args := append([]string{"build", form, "--sbom=none"}, s.mains...)
	return command(ctx, s.dir, env, b.ko, args...)
}

// goEnv is the environment of all tools; cache is the go command's, "" for the
// machine's.
func (b *bench) goEnv(cache string) []string {
	if cache == "" {
		cache = b.goCache
	}
	return []string{"CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH=amd64", "GOCACHE=" + cache}
}

// measure runs all cases of a service.
func (b *bench) measure(ctx context.Context, s service, t *table) error {
	tools := b.tools(s)
	if err := s.change(0); err != nil {
		return err
	}
	for _, tool := range tools { // so that all caches are warm
		if err := tool.build(ctx, ""); err != nil {
			return err
		}
	}
	changes := 1
	err := b.rounds(ctx, s, t, "nothing to do", tools, func() error { return nil }, "")
	if err == nil {
		err = b.rounds(ctx, s, t, "one line changed", tools, func() error { changes++; return s.change(changes) }, "")
	}
	if err == nil && b.cold {
		err = b.rounds(ctx, s, t, "cold cache", tools[1:4], func() error { return nil }, filepath.Join(b.dir, "cold"))
	}
	if err == nil && len(s.mains) == 1 {
		err = b.measureBytes(s, t)
	}
	return err
}

// rounds measures the tools in turn, so that what the machine does beside falls
// on all of them.
func (b *bench) rounds(ctx context.Context, s service, t *table, name string, tools []tool, before func() error, cold string) error {
	took := make([][]time.Duration, len(tools))
	for round := range b.options.rounds {
		for i, tool := range tools {
			cache := ""
			if cold != "" {
				cache = cold + "-" + strconv.Itoa(round) + "-" + strconv.Itoa(i)
			}
			if err := before(); err != nil {
				return err
			}
			begin := time.Now()
			if err := tool.build(ctx, cache); err != nil {
				return err
			}
			took[i] = append(took[i], time.Since(begin))
			if err := b.removeCold(cold); err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%s, %s, %s: %s\n", s.name, name, tool.name, took[i][round].Round(time.Millisecond))
		}
	}
	for i, tool := range tools {
		t.add(row{name, tool.name, median(took[i])})
	}
	return nil
}

// removeCold removes what a cold round left, so that the disk does not fill.
func (b *bench) removeCold(cold string) error {
	if cold == "" {
		return nil
	}
	left, err := filepath.Glob(cold + "*")
	for _, dir := range left {
		err = errors.Join(err, removeAll(dir))
	}
	return err
}

func median(durations []time.Duration) time.Duration {
	slices.Sort(durations)
	return durations[len(durations)/2]
}

// measureBytes compares the compressed bytes of the layers.
func (b *bench) measureBytes(s service, t *table) error {
	for _, tool := range []string{"davit", "ko"} {
		ref, err := name.ParseReference(b.repo(tool, s), name.Insecure)
		if err != nil {
			return err
		}
		image, err := remote.Image(ref)
		if err != nil {
			return err
		}
		manifest, err := image.Manifest()
		if err != nil {
			return err
		}
		var size int64
		for _, l := range manifest.Layers {
			size += l.Size
		}
		t.bytes(tool, size)
	}
	return nil
}
