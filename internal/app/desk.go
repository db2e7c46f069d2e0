package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/certificate"
	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/traffic"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// desk is where people and tools ask: it implements api.Watcher, api.Steerer and
// their optional abilities, and gives the page what it shows.
type desk struct {
	platform *Platform
}

// Status implements api.Watcher.
func (d *desk) Status(ctx context.Context) (api.Status, error) {
	p := d.platform
	status := api.Status{
		Version: Version(), PID: os.Getpid(), Data: p.paths.Data,
		Page: "http://" + p.page.Addr().String(), Registry: p.page.Addr().String(),
		Edge: api.Edge{
			Production: p.edge.production.Addr().String(),
			Staging:    p.edge.staging.Addr().String(),
			Starts:     int(p.edge.starts.Load()),
		},
		Sandbox: p.fleet.driver.Sandbox(),
		API:     p.remote.status(),
	}
	certificates := p.entries()
	counted, err := p.edge.client.Status(ctx)
	if err == nil {
		status.Edge.PID = counted.PID
	}
	if p.edge.secure != nil {
		status.Edge.CA = certificate.RootFile(p.paths.Certificates())
		if err != nil || counted.Secure != "" { // otherwise it is an edge from before, which goes as soon as it can
			status.Edge.Secure = p.edge.secure.Addr().String()
		}
	}
	instances, err := p.fleet.driver.List(ctx)
	if err != nil {
		return api.Status{}, err
	}
	for _, view := range p.engine.Apps() {
		status.Apps = append(status.Apps, api.App{
			View: view, Instances: ofApp(instances, view.App), Traffic: ofRoute(counted, view.App), Volumes: d.volumes(view.App),
			Certificates: certificatesOf(certificates, view),
		})
	}
	return status, nil
}

// volumes returns the folder of what an app keeps, when there is one.
func (d *desk) volumes(app string) string {
	folder := filepath.Join(d.platform.paths.Volumes(), app)
	if _, err := os.Stat(folder); err != nil {
		return ""
	}
	return folder
}

func ofApp(instances []driver.Instance, app string) []driver.Instance {
	var own []driver.Instance
	for _, i := range instances {
		if i.App == app {
			own = append(own, i)
		}
	}
	return own
}

func ofRoute(status traffic.Status, app string) []api.Traffic {
	var counted []api.Traffic
	for _, route := range status.Routes {
		if route.App != app || route.Listener != traffic.Production {
			continue
		}
		for _, t := range route.Versions {
			counted = append(counted, api.Traffic{
				Release: t.Label, Requests: t.Requests, Failed: t.Failed, InFlight: t.InFlight,
				P50: milliseconds(t.P50), P95: milliseconds(t.P95), P99: milliseconds(t.P99), Mirror: ofMirror(t.Mirror),
			})
		}
	}
	return counted
}

func ofMirror(m *traffic.MirrorStatus) *api.Mirror {
	if m == nil {
		return nil
	}
	return &api.Mirror{
		Requests: m.Requests, Failed: m.Failed, Dropped: m.Dropped,
		P50: milliseconds(m.P50), P95: milliseconds(m.P95), P99: milliseconds(m.P99),
	}
}

func milliseconds(d quantity.Duration) float64 { return d.Std().Seconds() * 1e3 }

// Changed implements api.Watcher.
func (d *desk) Changed() <-chan struct{} { return d.platform.engine.Changed() }

// Logs implements api.Watcher.
func (d *desk) Logs(ctx context.Context, q api.LogQuery) (io.ReadCloser, error) {
	wanted := func(id string) bool {
		release, _ := replicaOf(id)
		return q.Release == "" || release == q.Release
	}
	return d.platform.fleet.driver.Logs(ctx, q.App, wanted, q.Follow, q.Tail)
}

// Explain implements api.Watcher.
func (d *desk) Explain(ctx context.Context, id string) (release.Explanation, error) {
	return d.platform.engine.Explain(ctx, id)
}

// Submit implements api.Steerer.
func (d *desk) Submit(ctx context.Context, s api.Submission, actor string) (release.Summary, error) {
	caller := api.CallerOf(ctx)
	if err := caller.NeedApp(appOf(s.Repository)); err != nil { // before anything is told of what lies there
		return release.Summary{}, err
	}
	plan, evidence, err := readPlan(ctx, d.platform.images, s.Repository, s.Plan)
	if err != nil {
		return release.Summary{}, &release.RefusalError{Code: release.CodeInvalid, Message: err.Error()}
	}
	if err := caller.NeedApp(plan.App); err != nil {
		return release.Summary{}, err
	}
	if err := d.ownHosts(caller, plan); err != nil {
		return release.Summary{}, err
	}
	if err := d.admitSecrets(plan); err != nil {
		return release.Summary{}, err
	}
	if err := d.wayBack(ctx, plan.App); err != nil {
		return release.Summary{}, err
	}
	return d.platform.engine.Submit(ctx, release.Submission{
		Plan: plan, Stored: s.Plan, Evidence: evidence, Actor: actor, Supersede: s.Supersede,
	})
}

// ownHosts refuses a plan for paths of a host that is another app's, unless the
// caller may touch that, too: requests for it, and its cookies, would come along.
func (d *desk) ownHosts(caller api.Caller, plan release.Plan) error {
	for _, view := range d.platform.engine.Apps() {
		if view.App == plan.App || caller.Covers(view.App) {
			continue
		}
		for _, place := range view.Places() {
			for _, wanted := range plan.Hosts {
				if release.HostName(wanted) == release.HostName(place) {
					return &api.Error{
						Code: api.CodeForbidden, Message: fmt.Sprintf("hosts: %s has the host of another app, which %s is not for", wanted, caller.Name),
						Hint: "a token for both apps may let them share a host",
					}
				}
			}
		}
	}
	return nil
}

// wayBack refuses a release of an app whose live version could not be started
// again.
func (d *desk) wayBack(ctx context.Context, app string) error {
	for _, view := range d.platform.engine.Apps() {
		live, there := view.Find(view.Live)
		if view.App != app || !there {
			continue
		}
		if err := d.platform.images.Startable(ctx, live.Image.Repository, live.Image.Digest); err != nil {
			refused := refusal(release.CodeNoWayBack, "the image of %s, which is live, is not whole, so there would be no way back: %v", live.ID, err)
			refused.Release = live.ID
			refused.Hint = "push that image again; 'davit registry scrub' lists what is missing"
			return refused
		}
	}
	return nil
}

// Steer implements api.Steerer.
func (d *desk) Steer(ctx context.Context, verb api.Verb, target, actor string) (release.Summary, error) {
	engine := d.platform.engine
	switch verb {
	case api.Approve:
		return release.Summary{ID: target}, engine.Approve(ctx, target, actor)
	case api.Abort:
		return release.Summary{ID: target}, engine.Abort(ctx, target, actor)
	case api.Hold:
		return release.Summary{ID: target}, engine.Hold(ctx, target, actor)
	case api.Resume:
		return release.Summary{ID: target}, engine.Resume(ctx, target, actor)
	case api.Rollback:
		return engine.Rollback(ctx, target, actor)
	case api.Unblock:
		return release.Summary{App: target}, engine.Unblock(ctx, target, actor)
	case api.Remove:
		return release.Summary{App: target}, engine.Remove(ctx, target, actor)
	default:
		return release.Summary{}, &release.RefusalError{
			Code: release.CodeUnknown, Message: fmt.Sprintf("there is nothing like %q to do", verb),
		}
	}
}

// Shutdown implements api.Steerer: everything ends, in order.
func (d *desk) Shutdown(ctx context.Context, actor string) error {
	if err := d.platform.journal.note(ctx, "down", actor, struct{}{}); err != nil {
		return err
	}
	d.platform.end(errDown)
	return nil
}
