package workshop

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/sbom"
)

// newBases prepares what fetches bases.
func newBases(lock base.Lock, progress func(build.Event)) (*base.Resolver, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	return base.New(base.Options{
		Cache: filepath.Join(cache, "bases"), Lock: lock,
		Progress: func(what string) {
			if progress != nil {
				progress(build.Event{Step: build.Downloading, Subject: what})
			}
		},
	})
}

// keepLock writes what was found out of the bases, so that the next build takes
// the same ones.
func (b *bench) keepLock() error {
	lock, changed := b.bases.Locked()
	if !changed {
		return nil
	}
	return lock.Write(b.module.Dir)
}

// addBase says what is known of the base of an image.
func (b *bench) addBase(ctx context.Context, m *made, facts *sbom.Facts) error {
	if m.config.Base == build.BaseStatic || m.config.Base == build.BaseScratch {
		return nil
	}
	part := m.image.Parts()[0]
	image, err := b.bases.Image(ctx, m.config.Base, part.Platform)
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return fmt.Errorf("describe base %s: %w", m.config.Base, err)
	}
	about, err := b.bases.Describe(ctx, image)
	if err != nil {
		return fmt.Errorf("describe base %s: %w", m.config.Base, err)
	}
	lock, _ := b.bases.Locked()
	pinned := lock.Images[m.config.Base]
	facts.Pins = append(facts.Pins, sbom.Pin{Reference: m.config.Base, Digest: pinned.Digest})
	for p, digest := range pinned.Platforms {
		facts.Pins = append(facts.Pins, sbom.Pin{Reference: m.config.Base, Platform: p, Digest: digest})
	}
	facts.Base.Digest, facts.Base.OS, facts.Base.OSVersion = digest.String(), about.OS, about.OSVersion
	for _, p := range about.Packages {
		facts.Base.Packages = append(facts.Base.Packages, sbom.Package{Type: p.Type, Name: p.Name, Version: p.Version, Architecture: p.Architecture})
	}
	return nil
}
