package build

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Target is a place in a registry.
type Target struct {
	// Ref is REGISTRY/REPOSITORY[:TAG]. Without a tag the image can be had by its
	// digest alone. A registry on this machine is spoken to in plain HTTP.
	Ref string
	// User and Password are for the registry. When both are empty, what
	// 'docker login' stored is used, or nothing.
	User, Password string
}

func (t Target) auth() remote.Option {
	if t.User == "" && t.Password == "" {
		return remote.WithAuthFromKeychain(authn.DefaultKeychain)
	}
	return remote.WithAuth(&authn.Basic{Username: t.User, Password: t.Password})
}

// Push sends the image to a registry, without the layers that it has already.
func (i *Image) Push(ctx context.Context, target Target) error {
	ref, err := i.reference(target.Ref)
	if err != nil {
		return err
	}
	updates := make(chan v1.Update, 16)
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithUserAgent("davit"), remote.WithProgress(updates), target.auth(),
	}
	i.tell(Event{Step: Pushing, Subject: ref.String()})
	done := make(chan error, 1)
	go func() { done <- remote.Write(ref, i.image, options...) }()
	for {
		select {
		case update, open := <-updates:
			if !open {
				updates = nil // remote.Write is about to return
			} else if update.Error == nil {
				i.tell(Event{Step: Pushing, Subject: ref.String(), Done: update.Complete, Total: update.Total})
			}
		case err := <-done:
			if err != nil {
				return fmt.Errorf("push %s: %w", ref, err)
			}
			return nil
		}
	}
}

// reference reads where to push to.
func (i *Image) reference(text string) (name.Reference, error) {
	options := []name.Option{name.StrictValidation}
	if isLoopback(text) {
		options = append(options, name.Insecure)
	}
	if repository, digest, found := strings.Cut(text, "@"); found && digest == i.Digest() {
		text = repository
	}
	if tag, err := name.NewTag(text, options...); err == nil {
		return tag, nil
	}
	ref, err := name.NewDigest(text+"@"+i.Digest(), options...)
	if err != nil {
		bad := (*name.ErrBadName)(nil)
		if errors.As(err, &bad) {
			return nil, fmt.Errorf("%q is not a place for an image (allowed: REGISTRY/REPOSITORY or REGISTRY/REPOSITORY:TAG, such as ghcr.io/team/orders:v1): %w", text, err)
		}
		return nil, err
	}
	return ref, nil
}

// isLoopback tells whether a reference names a registry on this machine.
func isLoopback(ref string) bool {
	host, _, _ := strings.Cut(ref, "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}
