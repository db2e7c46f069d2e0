package workshop

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/sink"
)

// send brings the images where they should go: to files first, to registries
// last.
func (b *bench) send(ctx context.Context, all []made) error {
	if b.order.Tarball != "" && len(all) > 1 {
		return inputErrorf("--tarball: the archive is for one image, and %d were built; use --oci-layout", len(all))
	}
	for i := range all {
		m := &all[i]
		refs, err := b.references(ctx, *m)
		if err != nil {
			return err
		}
		m.built.Digest, m.built.Bytes = m.image.Digest(), m.image.Size()
		if binaries := m.image.Parts()[0].Binaries; len(binaries) > 0 {
			m.built.Package = binaries[0].Package
		}
		for _, part := range m.image.Parts() {
			m.built.Platforms = append(m.built.Platforms, part.Platform.String())
		}
		if err := b.sendOne(ctx, m, refs); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) sendOne(ctx context.Context, m *made, refs []sink.Reference) error {
	image := sinkImage(m.image)
	tell := func(done, total int64) {
		b.tell(build.Event{Step: build.Pushing, Subject: m.built.Name, Done: done, Total: total})
	}
	if m.built.Layout = b.order.Layout; m.built.Layout != "" {
		if err := sink.WriteLayout(ctx, m.built.Layout, image, refs, tell); err != nil {
			return err
		}
	}
	if m.built.Tarball = b.order.Tarball; m.built.Tarball != "" {
		if err := sink.WriteTarball(ctx, m.built.Tarball, image, refs, tell); err != nil {
			return err
		}
	}
	if b.order.Load != "" {
		engine, err := sink.ParseEngine(b.order.Load)
		if err != nil {
			return input(err)
		}
		if m.built.Loaded, err = sink.Load(ctx, engine, image, refs, tell); err != nil {
			return err
		}
	}
	for _, ref := range refs {
		if b.order.TagOnly && ref.Tag() != "" {
			m.built.References = append(m.built.References, ref.String())
		} else {
			m.built.References = append(m.built.References, ref.At(m.built.Digest))
		}
	}
	if m.built.Pushed = b.pushes(); !m.built.Pushed {
		return nil
	}
	return sink.Pusher{Progress: tell}.Push(ctx, image, refs...)
}

// pushes says whether the images go to a registry.
func (b *bench) pushes() bool { return b.order.Push && b.order.Repo != "" }

// references are what an image is called, with all its tags.
func (b *bench) references(ctx context.Context, m made) ([]sink.Reference, error) {
	parse := sink.ParseName
	if b.pushes() {
		parse = sink.ParseReference
	}
	plain, err := parse(m.built.Name)
	if err != nil {
		return nil, input(err)
	}
	if len(b.order.Tags) == 0 {
		return []sink.Reference{plain}, nil
	}
	tags := b.order.Tags
	if slices.ContainsFunc(tags, func(tag string) bool { return tag == sink.AutoTag || strings.Contains(tag, "{{") }) {
		if tags, err = b.tags(ctx, m.image); err != nil {
			return nil, err
		}
	}
	refs := make([]sink.Reference, len(tags))
	for i, tag := range tags {
		if refs[i], err = plain.WithTag(tag); err != nil {
			return nil, inputErrorf("--tag: %w", err)
		}
	}
	return refs, nil
}

// tags fills in what git and the toolchain know.
func (b *bench) tags(ctx context.Context, image *build.Image) ([]string, error) {
	tree, err := b.tree(ctx)
	if err != nil {
		return nil, err
	}
	toolchain := ""
	if binaries := image.Parts()[0].Binaries; len(binaries) > 0 {
		info, err := buildinfo.ReadFile(binaries[0].File)
		if err != nil {
			return nil, fmt.Errorf("read which Go a program was built with: %w", err)
		}
		toolchain = info.GoVersion
	}
	return sink.ExpandTags(ctx, tree, b.order.Tags, toolchain)
}

// writeRefs writes the file of --image-refs.
func (b *bench) writeRefs(all []Built) error {
	if b.order.ImageRefs == "" {
		return nil
	}
	var refs []string
	for _, built := range all {
		refs = append(refs, built.References...)
	}
	return sink.WriteRefs(b.order.ImageRefs, refs)
}

func (b *bench) tell(e build.Event) {
	if b.order.Progress != nil {
		b.order.Progress(e)
	}
}

func sinkImage(image *build.Image) sink.Image {
	if image.Index() != nil {
		return sink.Image{Index: image.Index()}
	}
	return sink.Image{Image: image.Parts()[0].Image}
}
