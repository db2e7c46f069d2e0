package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/registry"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/source"
	"github.com/davit-dev/davit/internal/verify"
	"github.com/davit-dev/davit/internal/workshop"
)

// ShipConfig is what `davit ship` can be told.
type ShipConfig struct {
	Dir       string // the service's folder
	Server    Address
	SkipTests bool
	Supersede bool
	Detach    bool      // return when the plan is submitted
	Output    io.Writer // what go vet and go test print when they fail
	Progress  func(Progress)
}

// Progress is what ship has come to. Summary is set once there is a release.
type Progress struct {
	Stage   Stage
	Detail  string
	Took    time.Duration // of the stage, when it is done
	Done    bool
	Summary *release.Summary
}

// Stage is a part of the way from source to production.
type Stage string

// The stages that run on the client, in order; Release is the server's.
const (
	StageSource  Stage = "source"
	StageCheck   Stage = "check"
	StageTest    Stage = "test"
	StageBuild   Stage = "build"
	StagePush    Stage = "push"
	StageRelease Stage = "release"
)

// FindingsError says that a check found what will not build, not start, or
// leaks a secret.
type FindingsError struct {
	Project  *check.Project
	Findings []check.Finding
}

// Error implements error.
func (e *FindingsError) Error() string {
	return fmt.Sprintf("%d findings of severity error", len(e.Findings))
}

// Ship takes the service in a folder all the way to production and returns its
// release in the last known state. Each step takes what the one before returned.
func Ship(ctx context.Context, cfg ShipConfig) (release.Summary, error) {
	s := &shipment{cfg: cfg}
	server, err := connect(ctx, cfg.Server)
	if err != nil {
		return release.Summary{}, err
	}
	tree, settings, err := s.takeSource(ctx)
	if err != nil {
		return release.Summary{}, err
	}
	if err := server.admits(settings.Name); err != nil {
		return release.Summary{}, err
	}
	findings, err := s.check(ctx, tree)
	if err != nil {
		return release.Summary{}, err
	}
	tests, err := s.test(ctx, tree)
	if err != nil {
		return release.Summary{}, err
	}
	cargo, err := s.build(ctx, tree, settings)
	if err != nil {
		return release.Summary{}, err
	}
	secrets, err := server.versions(ctx, settings.Name, settings.Run.Secrets)
	if err != nil {
		return release.Summary{}, err
	}
	plan, err := newPlan(tree, settings, cargo.Digest(), secrets)
	if err != nil {
		return release.Summary{}, err
	}
	stored, err := s.push(ctx, server, cargo, plan, evidence(tree, findings, tests))
	if err != nil {
		return release.Summary{}, err
	}
	submitted, err := server.api.Submit(ctx, api.Submission{
		Repository: plan.Image.Repository, Plan: stored, Supersede: cfg.Supersede,
	})
	if err != nil {
		return release.Summary{}, err
	}
	return s.follow(ctx, server, submitted)
}

// shipment is one way through the loop: the steps of Ship, each with its report.
type shipment struct {
	cfg ShipConfig
}

// begin reports the start of a stage and returns what reports its end.
func (s *shipment) begin(stage Stage, detail string) func(detail string) {
	start := time.Now()
	s.cfg.Progress(Progress{Stage: stage, Detail: detail})
	return func(detail string) {
		s.cfg.Progress(Progress{Stage: stage, Detail: detail, Took: time.Since(start), Done: true})
	}
}

func (s *shipment) takeSource(ctx context.Context) (source.Tree, config.Config, error) {
	done := s.begin(StageSource, "")
	tree, err := source.Load(ctx, s.cfg.Dir)
	if err != nil {
		return source.Tree{}, config.Config{}, err
	}
	settings, err := config.Load(tree.Dir, tree.Module)
	if err != nil {
		return source.Tree{}, config.Config{}, err
	}
	done(describe(tree))
	return tree, settings, nil
}

func describe(tree source.Tree) string {
	switch {
	case tree.Revision == "":
		return tree.Module + ", not in git"
	case tree.Dirty:
		return fmt.Sprintf("%s at %.12s with changes", tree.Module, tree.Revision)
	default:
		return fmt.Sprintf("%s at %.12s", tree.Module, tree.Revision)
	}
}

// check stops at errors only: other findings travel along as evidence.
func (s *shipment) check(ctx context.Context, tree source.Tree) ([]check.Finding, error) {
	done := s.begin(StageCheck, "")
	checked, err := Check(ctx, CheckConfig{Dir: tree.Dir, FailOn: string(finding.Error)})
	if err != nil {
		return nil, err
	}
	if checked.Failed() {
		return nil, &FindingsError{Project: checked.Project, Findings: checked.Findings}
	}
	done(plural(len(checked.Findings), "finding"))
	return checked.Findings, nil
}

func (s *shipment) test(ctx context.Context, tree source.Tree) (string, error) {
	if s.cfg.SkipTests {
		s.begin(StageTest, "")("skipped by request")
		return "skipped by request", nil
	}
	done := s.begin(StageTest, "")
	if err := vetAndTest(ctx, tree, s.cfg.Output); err != nil {
		return "", err
	}
	done("go vet and go test passed")
	return "passed", nil
}

func (s *shipment) build(ctx context.Context, tree source.Tree, settings config.Config) (*workshop.Cargo, error) {
	done := s.begin(StageBuild, "")
	cargo, err := workshop.Load(ctx, tree, settings, Version(), func(build.Event) {})
	if err != nil {
		return nil, err
	}
	done(fmt.Sprintf("%s, %s", cargo.Digest(), megabytes(cargo.Size())))
	return cargo, nil
}

// newPlan makes the plan of an image with the configuration it was built by.
func newPlan(tree source.Tree, settings config.Config, digest string, secrets []release.Secret) (release.Plan, error) {
	suite, err := verify.Load(tree.Dir, settings.Verify)
	if err != nil {
		return release.Plan{}, err
	}
	plan := release.Plan{
		Version: release.PlanVersion,
		App:     settings.Name,
		Hosts:   settings.Hosts,
		Image:   release.Image{Repository: settings.Name, Digest: digest},
		Run:     settings.Run,
		Verify:  suite,
		Release: settings.Release,
		Secrets: secrets,
	}
	return plan, plan.Validate()
}

func evidence(tree source.Tree, findings []check.Finding, tests string) release.Evidence {
	e := release.Evidence{
		Revision: tree.Revision, Dirty: tree.Dirty, Tree: tree.Digest,
		Davit: Version(), Tests: tests,
	}
	for _, f := range findings {
		e.Findings = append(e.Findings, fmt.Sprintf("%s:%d: %s: %s [%s]", f.File, f.Line, f.Severity, f.Message, f.Code))
	}
	return e
}

// push sends the image with its documents and then the plan, which refers to it.
func (s *shipment) push(
	ctx context.Context, server *server, cargo *workshop.Cargo, plan release.Plan, e release.Evidence,
) (string, error) {
	to := server.registry
	done := s.begin(StagePush, to.address)
	if err := cargo.Push(ctx, workshop.Destination{
		Repository: to.address + "/" + plan.Image.Repository,
		User:       registryUser, Password: to.password, Transport: to.transport,
	}); err != nil {
		return "", err
	}
	remote := registry.Remote{
		URL: to.scheme + "://" + to.address, Repository: plan.Image.Repository,
		Username: registryUser, Password: to.password, Transport: to.transport,
	}
	stored, err := pushPlan(ctx, remote, plan, e)
	if err != nil {
		return "", err
	}
	done(plan.Image.Repository)
	return stored, nil
}

// follow watches the release until it has ended, waits for a person, or the
// caller is gone. Control may die and come back meanwhile.
func (s *shipment) follow(ctx context.Context, server *server, last release.Summary) (release.Summary, error) {
	seen := func(summary release.Summary) error {
		last = summary
		s.cfg.Progress(Progress{Stage: StageRelease, Summary: &summary})
		if s.cfg.Detach || Settled(summary) {
			return errSettled
		}
		return nil
	}
	var away time.Time
	for {
		err := server.api.Follow(ctx, last.ID, seen)
		switch {
		case errors.Is(err, errSettled):
			return last, server.keepCheckpoint(ctx)
		case ctx.Err() != nil:
			return last, context.Cause(ctx)
		case err == nil:
			away = time.Time{}
		case away.IsZero():
			away = time.Now()
		case time.Since(away) > comeBack:
			return last, fmt.Errorf("follow %s: %w", last.ID, err)
		}
		wait(ctx, 200*time.Millisecond)
	}
}

// comeBack is how long ship waits for a control process that went away.
const comeBack = time.Minute

var errSettled = errors.New("nothing more happens by itself")

// Settled says whether nothing more happens to a release by itself.
func Settled(s release.Summary) bool {
	return s.Phase == release.PhaseEnded || s.Waiting != ""
}
