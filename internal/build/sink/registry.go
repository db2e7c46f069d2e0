package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// atOnce is how many blobs of an image are sent at the same time.
const atOnce = 4

// Pusher sends images to registries (OCI distribution-spec 1.1). The zero value
// uses what 'docker login' and credential helpers know.
//
// A registry on this machine or at a private address is spoken to in plain HTTP
// when it has no TLS. Redirects from elsewhere to private addresses are refused.
type Pusher struct {
	// User and Password are for the registry. When both are empty, Docker's or
	// Podman's configuration is asked, with its credential helpers.
	User, Password string
	Transport      http.RoundTripper // that requests go through; nil: the usual one
	Progress       Progress          // may be nil

	firstPause time.Duration // before something is tried again; 0 means half a second
}

// place is a repository and how an image is to be called in it.
type place struct {
	ref        Reference // as the user wrote the first of them
	repository name.Repository
	names      []name.Reference
}

// Push sends the image to all references: each blob once to a repository, and
// none that is there already or that the registry can take from another of its
// repositories. Manifests follow when all that they name is there, tags last.
// What fails for a passing reason (status 408, 429 or 5xx, a broken connection)
// is tried again four times, in growing intervals or when the registry says.
func (p Pusher) Push(ctx context.Context, img Image, refs ...Reference) error {
	all, err := img.contents()
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	places, err := p.places(refs, all.root().digest.String())
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	retry := &retrier{next: p.Transport, first: p.firstPause}
	if p.Transport == nil {
		retry.next = remote.DefaultTransport
	}
	client, err := remote.NewPusher(p.auth(), remote.WithUserAgent("davit"), remote.WithTransport(retry),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	look, err := remote.NewPuller(p.auth(), remote.WithUserAgent("davit"), remote.WithTransport(retry))
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	s := sender{client: client, look: look, retry: retry, meter: &meter{total: all.size() * int64(len(places)), tell: p.Progress}}
	for i, to := range places {
		if err := s.send(ctx, all, to, places[:i]); err != nil {
			return fmt.Errorf("push %s: %w", to.ref, explain(to.ref, err))
		}
	}
	return nil
}

func (p Pusher) auth() remote.Option {
	if p.User == "" && p.Password == "" {
		return remote.WithAuthFromKeychain(authn.DefaultKeychain)
	}
	return remote.WithAuth(&authn.Basic{Username: p.User, Password: p.Password})
}

// places sorts references by repository.
func (p Pusher) places(refs []Reference, digest string) ([]place, error) {
	if len(refs) == 0 {
		return nil, errors.New("no place is named")
	}
	var places []place
	for _, ref := range refs {
		if ref.digest != "" && ref.digest != digest {
			return nil, fmt.Errorf("%s is to be pushed, but the image is %s", ref, digest)
		}
		if ref.Registry() != refs[0].Registry() && p.User+p.Password != "" {
			return nil, fmt.Errorf("a user and a password are for one registry, not for %s and %s", refs[0].Registry(), ref.Registry())
		}
		to, err := ref.repository()
		if err != nil {
			return nil, fmt.Errorf("%q is not a place for an image: %w (%s)", ref, err, allowedForm)
		}
		i := slices.IndexFunc(places, func(known place) bool { return known.repository == to })
		if i < 0 {
			i = len(places)
			places = append(places, place{ref: ref, repository: to})
		}
		if ref.tag != "" {
			places[i].names = append(places[i].names, to.Tag(ref.tag))
		}
	}
	for i := range places {
		if len(places[i].names) == 0 {
			places[i].names = []name.Reference{places[i].repository.Digest(digest)}
		}
	}
	return places, nil
}

// sender sends one image.
type sender struct {
	client *remote.Pusher
	look   *remote.Puller
	retry  *retrier
	meter  *meter
}

func (s sender) send(ctx context.Context, all *contents, to place, sent []place) error {
	root := all.root()
	// A registry has all that a manifest names before it takes the manifest.
	if found, err := s.look.Head(ctx, to.repository.Digest(root.digest.String())); err != nil || found.Digest != root.digest {
		if err := s.sendParts(ctx, all, to, sent); err != nil {
			return err
		}
	} else {
		s.meter.add(all.size() - root.size)
	}
	for _, called := range to.names {
		if err := s.put(ctx, root, called); err != nil {
			return err
		}
	}
	s.meter.add(root.size)
	return nil
}

// sendParts sends all but what the image is known by.
func (s sender) sendParts(ctx context.Context, all *contents, to place, sent []place) error {
	group, uploading := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, o := range all.blobs {
		group.Go(func() error { return s.upload(uploading, o, to, sent) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, m := range all.manifests[:len(all.manifests)-1] {
		if err := s.put(ctx, m, to.repository.Digest(m.digest.String())); err != nil {
			return err
		}
		s.meter.add(m.size)
	}
	return nil
}

func (s sender) upload(ctx context.Context, o object, to place, sent []place) error {
	for _, earlier := range sent {
		if earlier.repository.Registry == to.repository.Registry {
			o.origin = earlier.repository
		}
	}
	if o.origin.RegistryStr() != to.repository.RegistryStr() || o.origin.String() == to.repository.String() {
		o.origin = name.Repository{}
	}
	u := &upload{object: o, meter: s.meter}
	err := s.retry.do(ctx, func() error {
		err := s.client.Upload(ctx, to.repository, u.layer())
		if local := u.localError(); local != nil {
			return permanentError{local}
		}
		return err
	})
	if err != nil {
		return err
	}
	u.finish()
	return nil
}

// put stores a manifest, unless it is called so already.
func (s sender) put(ctx context.Context, m object, called name.Reference) error {
	if found, err := s.look.Head(ctx, called); err == nil && found.Digest == m.digest {
		return nil
	}
	raw, err := m.bytes()
	if err != nil {
		return err
	}
	return s.retry.do(ctx, func() error { return s.client.Push(ctx, called, rawManifest{raw, m.media}) })
}

// rawManifest is a manifest whose blobs are where they belong. It implements
// remote.Taggable.
type rawManifest struct {
	raw   []byte
	media types.MediaType
}

// RawManifest implements remote.Taggable.
func (m rawManifest) RawManifest() ([]byte, error) { return m.raw, nil }

// MediaType tells remote which it is.
func (m rawManifest) MediaType() (types.MediaType, error) { return m.media, nil }
