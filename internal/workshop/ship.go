package workshop

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/sbom"
	"github.com/davit-dev/davit/internal/build/sink"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
)

// Cargo is what a release of this machine runs: an image for its own platform,
// with what is known of how it was made.
type Cargo struct {
	bench *bench
	made  made
}

// Load makes the image of a tree. davit is its own version, for the provenance.
func Load(ctx context.Context, tree source.Tree, settings config.Config, davit string, progress func(build.Event)) (*Cargo, error) {
	b := &bench{module: tree, settings: settings, order: Order{Davit: davit, Progress: progress}}
	b.tree = func(context.Context) (source.Tree, error) { return tree, nil }
	var err error
	if b.order.Platforms, err = ownPlatform(settings.Build.Platforms); err != nil {
		return nil, err
	}
	if b.lock, err = readLock(tree.Dir); err != nil {
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
	m := made{image: images[0], config: cfg, built: Built{Name: settings.Name}}
	for _, part := range m.image.Parts() {
		m.built.Platforms = append(m.built.Platforms, part.Platform.String())
	}
	return &Cargo{b, m}, b.keepLock()
}

// Digest is that of the image.
func (c *Cargo) Digest() string { return c.made.image.Digest() }

// Size is that of the image, compressed, in bytes.
func (c *Cargo) Size() int64 { return c.made.image.Size() }

// Destination is a repository of a registry, and how to get in.
type Destination struct {
	Repository     string // host:port/name
	User, Password string
	Transport      http.RoundTripper // that requests go through; nil: the usual one
}

// Push sends the image to a repository and puts beside it what it is made of and
// how.
func (c *Cargo) Push(ctx context.Context, to Destination) error {
	ref, err := sink.ParseReference(to.Repository)
	if err != nil {
		return err
	}
	pusher := sink.Pusher{User: to.User, Password: to.Password, Transport: to.Transport}
	if err := pusher.Push(ctx, sinkImage(c.made.image), ref); err != nil {
		return err
	}
	repo, err := name.NewRepository(to.Repository)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", to.Repository, err)
	}
	options := remotely(ctx, remote.WithAuth(&authn.Basic{Username: to.User, Password: to.Password}))
	if to.Transport != nil {
		options = append(options, remote.WithTransport(to.Transport))
	}
	return c.attach(ctx, repo, options)
}

// attach does nothing where both documents are: what an image is made of does not
// change, and how it was made once, it can be made again.
func (c *Cargo) attach(ctx context.Context, repo name.Repository, options []remote.Option) error {
	there, err := attest.Find(ctx, repo.Digest(c.Digest()), "", options...)
	if err != nil {
		return err
	}
	isBill := func(d v1.Descriptor) bool { return d.ArtifactType == sbom.SPDXMediaType }
	if slices.ContainsFunc(there, isBill) && slices.ContainsFunc(there, attest.IsProvenance) {
		return nil
	}
	facts, err := c.bench.facts(ctx, &c.made)
	if err != nil {
		return err
	}
	artifacts, err := documents(facts, []string{"spdx"}, true, nil)
	if err != nil {
		return err
	}
	subject, err := descriptor(c.made.image)
	if err != nil {
		return err
	}
	return attest.Attach(ctx, repo, subject, artifacts, options...)
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
		return nil, inputErrorf("build.platforms: %s is not among them, and a release here needs an image for this machine", own)
	}
	return nil, nil
}
