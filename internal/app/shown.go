package app

import (
	"context"
	"errors"
	"sync"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// shown is what an edge is told about TLS. An edge that control starts later, or that
// did not answer, is told the same.
type shown struct {
	config SecureConfig

	mu         sync.Mutex
	secure     *traffic.Secure // nil: not known yet; the edge has it on disk
	challenges traffic.Challenges
}

// Show implements certificate.Edge.
func (e *edge) Show(ctx context.Context, certificates []string) error {
	e.shown.mu.Lock()
	defer e.shown.mu.Unlock()
	s := e.shown.config.shows(certificates)
	e.shown.secure = &s
	return e.client.PutSecure(ctx, s)
}

// Challenge implements certificate.Edge.
func (e *edge) Challenge(ctx context.Context, at string, hosts []string) error {
	e.shown.mu.Lock()
	defer e.shown.mu.Unlock()
	e.shown.challenges = traffic.Challenges{At: at, Hosts: hosts}
	return e.client.PutChallenges(ctx, e.shown.challenges)
}

// brief tells an edge what it does not have on its command line.
func (e *edge) brief(ctx context.Context) error {
	return errors.Join(e.logAccess(ctx), e.secured(ctx))
}

// secured tells an edge that speaks TLS what it shows there.
func (e *edge) secured(ctx context.Context) error {
	status, err := e.client.Status(ctx)
	if err != nil || status.Secure == "" {
		return err
	}
	e.shown.mu.Lock()
	defer e.shown.mu.Unlock()
	err = e.client.PutChallenges(ctx, e.shown.challenges)
	if e.shown.secure != nil {
		err = errors.Join(err, e.client.PutSecure(ctx, *e.shown.secure))
	}
	return err
}
