// Package base turns what a configuration calls its base into what a program is
// put on: davit's own files, or the image that a reference stands for.
//
// Its invariant: a reference stands for the same image for as long as davit.lock
// says so, wherever and whenever it is built; and what is locked and in the cache
// needs no network. What is read from the cache is what its digest says. The
// package knows nothing of programs and builds.
package base

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Options say where bases come from.
type Options struct {
	Cache    string // folder; it is made when it is not there
	Lock     Lock
	Keychain authn.Keychain    // nil for what 'docker login' knows
	Progress func(what string) // is told what is fetched; may be nil
}

// Resolver finds the images that references stand for. What is locked and in the
// cache is found without the network. It is safe for concurrent use.
type Resolver struct {
	opts  Options
	blobs store
	facts string

	mu      sync.Mutex
	lock    Lock
	changed bool
}

// New prepares a Resolver. It makes no folder.
func New(o Options) (*Resolver, error) {
	if o.Cache == "" {
		return nil, errors.New("find bases: no cache folder is given")
	}
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	lock := Lock{Go: o.Lock.Go, Images: map[string]Pinned{}}
	for ref, pinned := range o.Lock.Images {
		lock.Images[ref] = Pinned{pinned.Digest, maps.Clone(pinned.Platforms)}
	}
	return &Resolver{opts: o, lock: lock, blobs: store{filepath.Join(o.Cache, "blobs")}, facts: filepath.Join(o.Cache, "facts")}, nil
}

// Locked returns the lock with what was found out since, and whether that is
// anything.
func (r *Resolver) Locked() (Lock, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lock, r.changed
}

// Image returns the image of a platform that a reference stands for: what the
// lock says, or what the registry says now, which is locked then. Its layers are
// fetched when they are read.
func (r *Resolver) Image(ctx context.Context, reference string, p v1.Platform) (v1.Image, error) {
	ref, err := parse(reference)
	if err != nil {
		return nil, err
	}
	digest, err := r.digest(ctx, reference, ref, p)
	if err != nil {
		return nil, fmt.Errorf("find image %s for %s: %w", reference, p, err)
	}
	made, err := r.load(ctx, ref.Context(), digest, p)
	if err != nil {
		return nil, fmt.Errorf("fetch image %s for %s: %w", reference, p, err)
	}
	return made, nil
}

// Repository returns where the layers of a reference's image can be had.
func Repository(reference string) (name.Repository, error) {
	ref, err := parse(reference)
	if err != nil {
		return name.Repository{}, err
	}
	return ref.Context(), nil
}

// parse reads a reference. A registry on this machine is spoken to in plain HTTP.
func parse(reference string) (name.Reference, error) {
	var options []name.Option
	host, _, _ := strings.Cut(reference, "/")
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); host == "localhost" || err == nil && address.IsLoopback() {
		options = append(options, name.Insecure)
	}
	ref, err := name.ParseReference(reference, options...)
	if err != nil {
		return nil, fmt.Errorf("%q is not the reference of an image (allowed: [REGISTRY/]REPOSITORY[:TAG][@DIGEST], such as gcr.io/distroless/static:nonroot)", reference)
	}
	return ref, nil
}

// digest returns the digest of the manifest for a platform.
func (r *Resolver) digest(ctx context.Context, reference string, ref name.Reference, p v1.Platform) (v1.Hash, error) {
	r.mu.Lock()
	pinned, locked := r.lock.Images[reference]
	r.mu.Unlock()
	if known := pinned.Platforms[p.String()]; known != "" {
		return v1.NewHash(known)
	}
	if locked {
		ref = ref.Context().Digest(pinned.Digest) // the tag may have moved since
	}
	root, own, err := r.look(ctx, ref, p)
	if err != nil {
		return v1.Hash{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	pinned = r.lock.Images[reference]
	pinned.Digest = root.String()
	if pinned.Platforms == nil {
		pinned.Platforms = map[string]string{}
	}
	pinned.Platforms[p.String()] = own.String()
	r.lock.Images[reference], r.changed = pinned, true
	return own, nil
}

// look asks the registry what a reference stands for: root is what it names, own
// the manifest for the platform.
func (r *Resolver) look(ctx context.Context, ref name.Reference, p v1.Platform) (root, own v1.Hash, err error) {
	r.tell(ref.String())
	described, err := remote.Get(ref, r.options(ctx)...)
	if err != nil {
		return root, own, err
	}
	root = described.Digest
	switch {
	case described.MediaType.IsImage():
		return root, root, nil
	case !described.MediaType.IsIndex():
		return root, own, fmt.Errorf("it is neither an image nor an index of images: %s", described.MediaType)
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(described.Manifest))
	if err != nil {
		return root, own, err
	}
	own, err = choose(index, p)
	return root, own, err
}

// choose finds the manifest of a platform in an index.
func choose(index *v1.IndexManifest, p v1.Platform) (v1.Hash, error) {
	var has []string
	for _, m := range index.Manifests {
		if m.Platform == nil || !m.MediaType.IsImage() {
			continue
		}
		if m.Platform.OS == p.OS && m.Platform.Architecture == p.Architecture && sameVariant(m.Platform.Variant, p) {
			return m.Digest, nil
		}
		has = append(has, m.Platform.String())
	}
	return v1.Hash{}, fmt.Errorf("it has no image for this platform, only for %s", strings.Join(has, ", "))
}

// sameVariant compares variants. What an index does not say is what everybody
// has: v8 of arm64, v7 of arm, v1 of amd64.
func sameVariant(has string, p v1.Platform) bool {
	usual := map[string]string{"arm64": "v8", "arm": "v7", "amd64": "v1"}[p.Architecture]
	want := p.Variant
	if has == "" {
		has = usual
	}
	if want == "" || p.Architecture == "amd64" || p.Architecture == "arm64" {
		want = usual // a base for all runs on the newer ones
	}
	return has == want
}

// load returns the image with a manifest, from the cache as far as it is there.
func (r *Resolver) load(ctx context.Context, from name.Repository, digest v1.Hash, p v1.Platform) (v1.Image, error) {
	made := &image{r: r, ctx: ctx, from: from}
	var found bool
	if made.manifest, found = r.blobs.read(digest); !found {
		described, err := remote.Get(from.Digest(digest.String()), r.options(ctx)...)
		if err != nil {
			return nil, err
		}
		made.manifest = described.Manifest
		if err := r.blobs.write(digest, made.manifest); err != nil {
			return nil, err
		}
	}
	var err error
	if made.parsed, err = v1.ParseManifest(bytes.NewReader(made.manifest)); err != nil {
		return nil, err
	}
	if kind := made.parsed.Config.MediaType; kind != types.OCIConfigJSON && kind != types.DockerConfigJSON {
		return nil, fmt.Errorf("it is not an image but an artifact of type %s", kind)
	}
	if made.config, err = r.config(ctx, from, made.parsed.Config); err != nil {
		return nil, err
	}
	whole, err := partial.CompressedToImage(made)
	if err != nil {
		return nil, err
	}
	config, err := whole.ConfigFile()
	if err != nil {
		return nil, err
	}
	if config.OS != p.OS || config.Architecture != p.Architecture {
		return nil, fmt.Errorf("it is an image for %s/%s", config.OS, config.Architecture)
	}
	return whole, nil
}

// mostConfig bounds what is read of a configuration, in bytes.
const mostConfig = 8 << 20

func (r *Resolver) config(ctx context.Context, from name.Repository, d v1.Descriptor) ([]byte, error) {
	if data, found := r.blobs.read(d.Digest); found {
		return data, nil
	}
	if d.Size > mostConfig {
		return nil, fmt.Errorf("its configuration has %d bytes, more than %d", d.Size, mostConfig)
	}
	l, err := remote.Layer(from.Digest(d.Digest.String()), r.options(ctx)...)
	if err != nil {
		return nil, err
	}
	if err := r.blobs.fill(ctx, d.Digest, d.Size, l.Compressed); err != nil {
		return nil, err
	}
	data, found := r.blobs.read(d.Digest)
	if !found {
		return nil, fmt.Errorf("%s does not stay in the cache", d.Digest)
	}
	return data, nil
}

func (r *Resolver) options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithUserAgent("davit"), remote.WithAuthFromKeychain(r.opts.Keychain)}
}

func (r *Resolver) tell(what string) {
	if r.opts.Progress != nil {
		r.opts.Progress(what)
	}
}

// Change is a reference that stands for something else than it did.
type Change struct {
	Reference string
	From, To  string // digests; From is "" for what was not locked
}

// Update asks the registries what references stand for now, for all platforms
// that are wanted, and returns the lock that says so.
func (r *Resolver) Update(ctx context.Context, references []string, wanted []v1.Platform) (Lock, []Change, error) {
	lock, changes := Lock{Go: r.lock.Go, Images: map[string]Pinned{}}, []Change{}
	for _, reference := range references {
		ref, err := parse(reference)
		if err != nil {
			return Lock{}, nil, err
		}
		pinned := Pinned{Platforms: map[string]string{}}
		for _, p := range wanted {
			root, own, err := r.look(ctx, ref, p)
			if err != nil {
				return Lock{}, nil, fmt.Errorf("find image %s for %s: %w", reference, p, err)
			}
			pinned.Digest, pinned.Platforms[p.String()] = root.String(), own.String()
		}
		if before := r.lock.Images[reference].Digest; before != pinned.Digest {
			changes = append(changes, Change{reference, before, pinned.Digest})
		}
		lock.Images[reference] = pinned
	}
	return lock, changes, nil
}
