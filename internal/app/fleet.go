package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/driver/process"
	"github.com/davit-dev/davit/internal/registry"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/secret"
)

// stagingSuffix tells the instance in staging from the one in production.
const stagingSuffix = "-staging"

// fleet runs releases with the process driver, from images of the registry.
type fleet struct {
	images  *registry.Store
	secrets *secret.Store
	driver  *process.Driver
}

// Start implements release.Fleet.
func (f *fleet) Start(ctx context.Context, id string, plan release.Plan, replicas int) error {
	group, ctx := errgroup.WithContext(ctx)
	for n := range replicas {
		group.Go(func() error {
			_, err := f.start(ctx, replicaID(id, n+1), secret.Production, plan)
			return err
		})
	}
	return group.Wait()
}

// start starts an instance with the secrets of a stage, whose values are in
// nothing that it returns.
func (f *fleet) start(ctx context.Context, id string, stage secret.Stage, plan release.Plan) (driver.Instance, error) {
	values, err := f.secrets.Values(plan.App, stage, versions(plan, stage))
	if err != nil {
		return driver.Instance{}, err
	}
	spec := driver.Spec{ID: id, App: plan.App, Run: plan.Run, Secrets: values, Fleeting: stage == secret.Staging}
	instance, err := f.run(ctx, spec, plan.Image)
	return instance, veil{f.secrets, plan.App}.error(err)
}

func (f *fleet) run(ctx context.Context, spec driver.Spec, from release.Image) (driver.Instance, error) {
	image, err := f.images.Unpack(ctx, from.Repository, from.Digest)
	if err != nil {
		return driver.Instance{}, fmt.Errorf("unpack image: %w", err)
	}
	spec.Image = image
	return f.driver.Start(ctx, spec)
}

// Stop implements release.Fleet.
func (f *fleet) Stop(ctx context.Context, id string, grace time.Duration) error {
	instances, err := f.driver.List(ctx)
	if err != nil {
		return err
	}
	own := []string{id} // also when its shim has only begun, and is not listed yet
	for _, i := range instances {
		if releaseOf(i) == id && i.ID != id {
			own = append(own, i.ID)
		}
	}
	return inParallel(own, func(id string) error { return f.driver.Stop(ctx, id, grace) })
}

// Health implements release.Fleet.
func (f *fleet) Health(ctx context.Context, app string) (map[string]release.Health, error) {
	instances, err := f.driver.ListApp(ctx, app)
	if err != nil {
		return nil, err
	}
	return healthOf(instances, app, veil{f.secrets, app}.text), nil
}

// healthOf adds up how an app's releases are. One that has ended too often is none:
// to start it again is up to who wants it, and not done too often.
func healthOf(instances []driver.Instance, app string, hide func(string) string) map[string]release.Health {
	health, at := map[string]release.Health{}, answering(instances)
	for _, i := range instances {
		if i.App != app || strings.HasSuffix(i.ID, stagingSuffix) {
			continue
		}
		one := health[releaseOf(i)]
		one.Restarts += i.Restarts
		if i.State != driver.CrashLoop {
			one.Instances++
		}
		if i.State == driver.Ready {
			one.Ready++
			one.At = strings.Join(at[releaseOf(i)].well, " ")
		}
		if telling := i.Restarts > 0 || i.State != driver.Ready; telling || one.Reason == "" {
			one.Reason = hide(cmp.Or(i.Reason, i.Ended))
		}
		health[releaseOf(i)] = one
	}
	return health
}

// stopAll ends every instance, as an orderly end of the platform does.
func (f *fleet) stopAll(ctx context.Context, grace time.Duration) error {
	instances, err := f.driver.List(ctx)
	if err != nil {
		return err
	}
	return inParallel(instances, func(i driver.Instance) error { return f.driver.Stop(ctx, i.ID, grace) })
}

// withEnv returns the configuration with some variables set otherwise.
func withEnv(run driver.Config, env map[string]string) driver.Config {
	merged := maps.Clone(run.Env)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, env)
	run.Env = merged
	run.Args = slices.Clone(run.Args)
	return run
}
