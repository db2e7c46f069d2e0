package workshop

import (
	"context"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/davit-dev/davit/internal/build/explain"
)

// Explain says why two images differ. Each is a reference in a registry, a folder
// with an OCI layout, or an archive.
func Explain(ctx context.Context, a, b string) ([]explain.Difference, error) {
	options := explain.Options{Remote: remotely(ctx, asLoggedIn())}
	first, err := explain.Load(ctx, a, options)
	if err != nil {
		return nil, err
	}
	second, err := explain.Load(ctx, b, options)
	if err != nil {
		return nil, err
	}
	return explain.Explain(first, second), nil
}

// remotely is how registries are spoken to.
func remotely(ctx context.Context, auth remote.Option) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithUserAgent("davit"), auth}
}

// asLoggedIn is with what 'docker login' knows.
func asLoggedIn() remote.Option { return remote.WithAuthFromKeychain(authn.DefaultKeychain) }
