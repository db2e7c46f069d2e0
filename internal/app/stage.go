package app

import (
	"context"
	"errors"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/secret"
	"github.com/davit-dev/davit/internal/verify"
)

// prover proves plans on the staging listener, beside production.
type prover struct {
	fleet  *fleet
	router *router
	url    string // of the staging listener
}

// Prove implements release.Prover.
func (p *prover) Prove(ctx context.Context, id string, plan release.Plan) (verify.Report, error) {
	plan.Run = withEnv(plan.Run, plan.Verify.Env)
	plan.Run.Secrets = nil // those that staging has are given to it; another may be a variable of verify.env
	report, err := verify.Image(ctx, plan.Verify, &stage{prover: p, id: id + stagingSuffix, plan: plan})
	hide := veil{p.fleet.secrets, plan.App}
	return hide.report(report), hide.error(err)
}

// stage is one instance in staging, and the route that leads to it.
type stage struct {
	prover *prover
	id     string
	plan   release.Plan
}

// Start implements verify.Stage. What an earlier attempt left is stopped first.
func (s *stage) Start(ctx context.Context) (verify.Site, error) {
	if err := s.prover.fleet.Stop(ctx, s.id, 0); err != nil {
		return verify.Site{}, err
	}
	instance, err := s.prover.fleet.start(ctx, s.id, secret.Staging, s.plan)
	if err != nil {
		return verify.Site{}, err
	}
	err = despiteRestart(ctx, func() error {
		return s.prover.router.stage(ctx, s.plan.App, s.plan.Hosts, instance)
	})
	if err != nil {
		return verify.Site{}, err
	}
	return verify.Site{URL: s.prover.url, Host: release.HostName(s.plan.Hosts[0])}, nil
}

// stagingGrace is what the instance gets to end; it has no users.
const stagingGrace = 5 * time.Second

// Stop implements verify.Stage.
func (s *stage) Stop(ctx context.Context) error {
	return errors.Join(
		despiteRestart(ctx, func() error { return s.prover.router.unstage(ctx, s.plan.App) }),
		s.prover.fleet.Stop(ctx, s.id, stagingGrace),
	)
}

// despiteRestart tells the edge something again as long as it is being started:
// that it has died says nothing about a plan.
func despiteRestart(ctx context.Context, tell func() error) error {
	ctx, cancel := context.WithTimeout(ctx, edgePatience)
	defer cancel()
	for {
		err := tell()
		if !edgeGone(err) || !wait(ctx, 50*time.Millisecond) {
			return err
		}
	}
}

// edgeGone says whether an error is that of an edge that is not there, or died
// before it answered.
func edgeGone(err error) bool {
	return slices.ContainsFunc([]error{
		syscall.ECONNREFUSED, syscall.ENOENT, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF,
	}, func(gone error) bool { return errors.Is(err, gone) })
}
