package attest

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// attachRounds is how often what is missing from the list of referrers is
// written once more.
const attachRounds = 4

// Attach puts artifacts beside the image that subject describes, into the same
// repository (OCI distribution-spec 1.1, "Pushing Manifests with Subject"). What
// is there already stays as it is.
//
// Where the registry keeps no list of referrers, the list is an index under the
// tag sha256-HEX. Registries have no compare-and-swap, so of two clients that
// write it at the same time the second wins; Attach looks afterwards, and writes
// again what was lost.
func Attach(ctx context.Context, repo name.Repository, subject v1.Descriptor, artifacts []Artifact, options ...remote.Option) error {
	if len(artifacts) == 0 {
		return nil
	}
	image := repo.Digest(subject.Digest.String())
	missing, err := push(ctx, repo, subject, artifacts, options)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", image, err)
	}
	for range attachRounds {
		if err := put(ctx, repo, missing, options); err != nil {
			return fmt.Errorf("attach to %s: %w", image, err)
		}
		if missing, err = unlisted(ctx, image, missing, options); err != nil {
			return fmt.Errorf("attach to %s: %w", image, err)
		}
		if len(missing) == 0 {
			return nil
		}
	}
	return fmt.Errorf("attach to %s: the registry took %s, but does not list it beside the image; if others push there now, try again", image, missing[0].digest)
}

// push uploads the blobs and returns the manifests.
func push(ctx context.Context, repo name.Repository, subject v1.Descriptor, artifacts []Artifact, options []remote.Option) ([]manifest, error) {
	pusher, err := remote.NewPusher(options...)
	if err != nil {
		return nil, err
	}
	if err := pusher.Upload(ctx, repo, noConfig()); err != nil {
		return nil, err
	}
	manifests := make([]manifest, len(artifacts))
	for i, artifact := range artifacts {
		if err := pusher.Upload(ctx, repo, artifact.content); err != nil {
			return nil, fmt.Errorf("push %s: %w", artifact.Type, err)
		}
		if manifests[i], err = artifact.manifest(subject); err != nil {
			return nil, err
		}
	}
	return manifests, nil
}

// put pushes manifests one after the other, since each may change the index
// under the fallback tag.
func put(ctx context.Context, repo name.Repository, manifests []manifest, options []remote.Option) error {
	pusher, err := remote.NewPusher(options...)
	if err != nil {
		return err
	}
	for _, m := range manifests {
		if err := pusher.Put(ctx, repo.Digest(m.digest.String()), m); err != nil {
			return fmt.Errorf("push %s: %w", m.digest, err)
		}
	}
	return nil
}

// unlisted returns the manifests that the registry does not list beside image.
func unlisted(ctx context.Context, image name.Digest, manifests []manifest, options []remote.Option) ([]manifest, error) {
	listed, err := referrers(ctx, image, options)
	if err != nil {
		return nil, err
	}
	known := map[v1.Hash]bool{}
	for _, d := range listed {
		known[d.Digest] = true
	}
	var missing []manifest
	for _, m := range manifests {
		if !known[m.digest] {
			missing = append(missing, m)
		}
	}
	return missing, nil
}
