package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
	"github.com/davit-dev/davit/internal/workshop"
)

// CIConfig is what `davit ci` can be told.
type CIConfig struct {
	Check CheckConfig
	Begun func(name string) // told each step before it runs
	Ended func(CIStep)      // and after
}

// CIStep is what came of one step of `davit ci`.
type CIStep struct {
	Name    string
	Skipped string // why it did not run; "" when it did
	Detail  string // what came of it, for people
	Took    time.Duration
	Err     error   // nil: it passed
	Output  string  // what the tools printed, when it failed
	Places  []Place // that the output names
	Folder  string  // of the module in its repository, with slashes; "" at the root
	Checked Checked // of the step check
}

// CI does what a change must pass before it lands: check, go vet, go test and
// build, the fast ones first. A step that fails keeps none of the others from
// running; without a module only the check runs.
func CI(ctx context.Context, cfg CIConfig) ([]CIStep, error) {
	c := ci{cfg: cfg}
	c.step(ctx, "check", c.check)
	tree, err := source.Load(ctx, cfg.Check.Dir)
	about := (*source.Error)(nil)
	switch {
	case errors.As(err, &about):
		for _, name := range []string{"vet", "test", "build"} {
			c.skip(name, about.Message)
		}
	case err != nil:
		return c.steps, err
	default:
		c.tree = tree
		c.step(ctx, "vet", c.vet)
		c.step(ctx, "test", c.test)
		c.step(ctx, "build", c.build)
	}
	if ctx.Err() != nil {
		return c.steps, context.Cause(ctx)
	}
	return c.steps, nil
}

// ci is one run of the steps.
type ci struct {
	cfg   CIConfig
	tree  source.Tree
	steps []CIStep
}

func (c *ci) step(ctx context.Context, name string, run func(context.Context, *CIStep) error) {
	if ctx.Err() != nil {
		return
	}
	c.cfg.Begun(name)
	begin := time.Now()
	s := CIStep{Name: name, Folder: repositoryFolder(c.tree.Dir)}
	s.Err = run(ctx, &s)
	s.Took = time.Since(begin)
	c.end(s)
}

func (c *ci) skip(name, reason string) { c.end(CIStep{Name: name, Skipped: reason}) }

func (c *ci) end(s CIStep) {
	c.steps = append(c.steps, s)
	c.cfg.Ended(s)
}

func (c *ci) check(ctx context.Context, s *CIStep) error {
	checked, err := Check(ctx, c.cfg.Check)
	if err != nil {
		return err
	}
	s.Checked, s.Detail = checked, plural(len(checked.Findings), "finding")
	if checked.Failed() {
		return &FindingsError{Project: checked.Project, Findings: checked.Findings}
	}
	return nil
}

func (c *ci) vet(ctx context.Context, s *CIStep) error {
	printed, err := goCommand(ctx, c.tree.Dir, "vet", "./...")
	if err != nil {
		s.Output = string(printed)
		s.Places = places(s.Output, "")
	}
	return err
}

func (c *ci) test(ctx context.Context, s *CIStep) error {
	printed, err := goCommand(ctx, c.tree.Dir, "test", "-json", "-vet=off", "./...") // vet has a step of its own
	results := readTests(printed)
	s.Detail = results.summary()
	if err != nil {
		s.Output, s.Places = results.failures(c.tree.Module)
	}
	return err
}

// build makes the images and keeps them nowhere but in the cache.
func (c *ci) build(ctx context.Context, s *CIStep) error {
	if len(c.tree.Mains) == 0 {
		s.Skipped = "there is no main package"
		return nil
	}
	settings, err := config.Load(c.tree.Dir, c.tree.Module)
	if err != nil {
		return err
	}
	order := workshop.Order{Targets: []string{c.tree.Dir}, SBOM: []string{"none"}, Davit: Version(), Progress: func(build.Event) {}}
	if len(settings.Build.Main) == 0 && len(c.tree.Mains) > 1 {
		order.Targets = nil
		for _, main := range c.tree.Mains {
			order.Targets = append(order.Targets, main.Package)
		}
	}
	images, err := workshop.Build(ctx, order)
	if compile := (*build.CompileError)(nil); errors.As(err, &compile) {
		s.Output = compile.Output
		s.Places = places(s.Output, "")
	}
	if err != nil {
		return err
	}
	s.Detail = plural(len(images), "image")
	if len(images) == 1 {
		s.Detail = fmt.Sprintf("%s, %s", images[0].Digest, megabytes(images[0].Bytes))
	}
	return nil
}
