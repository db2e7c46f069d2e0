package release

import (
	"maps"
	"slices"
	"time"

	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/verify"
)

// View is an app as others see it: a copy that never changes.
type View struct {
	App   string   `json:"app"`
	Hosts []string `json:"hosts"`
	// NextHosts are those of the release under way that Hosts has not.
	NextHosts []string  `json:"next_hosts,omitempty"`
	Live      string    `json:"live,omitempty"`
	Back      string    `json:"back,omitempty"`
	Current   string    `json:"current,omitempty"`
	Routing   Routing   `json:"routing"`
	Running   []string  `json:"running,omitempty"`
	Blocked   []string  `json:"blocked,omitempty"` // releases whose plans are blocked
	Releases  []Summary `json:"releases"`          // oldest first
}

// Find returns the release with the given id or plan digest, the newest first.
func (v View) Find(id string) (Summary, bool) {
	for _, s := range slices.Backward(v.Releases) {
		if s.ID == id || s.Plan == id {
			return s, true
		}
	}
	return Summary{}, false
}

// Summary is a release as others see it.
type Summary struct {
	ID        string            `json:"id"`
	App       string            `json:"app"`
	Plan      string            `json:"plan"`   // digest
	Stored    string            `json:"stored"` // digest of the artifact that holds it
	Image     Image             `json:"image"`
	Revision  string            `json:"revision,omitempty"`
	Actor     string            `json:"actor"`
	Submitted time.Time         `json:"submitted"`
	Finished  *time.Time        `json:"finished,omitempty"`
	Phase     Phase             `json:"phase"`
	Step      int               `json:"step,omitempty"`
	Steps     int               `json:"steps"`
	Weight    float64           `json:"weight"` // share of the traffic that it has now
	Elapsed   int64             `json:"elapsed_ms"`
	Waiting   string            `json:"waiting,omitempty"`
	Paused    bool              `json:"paused,omitempty"`     // a person holds it
	Resumable bool              `json:"resumable,omitempty"`  // it is held, by whomever
	Incident  float64           `json:"incident,omitempty"`   // share of both versions' requests that failed lately, above the guard
	NeedUnits int64             `json:"need_units,omitempty"` // scored units still missing at this step
	Unit      string            `json:"unit"`                 // what is counted, in the plural: requests or sessions
	Outcome   Outcome           `json:"outcome,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	BackFrom  string            `json:"back_from,omitempty"`
	Verdict   *analysis.Verdict `json:"verdict,omitempty"`
	Report    *verify.Report    `json:"report,omitempty"`
	Trace     []Point           `json:"trace,omitempty"` // of the newest release only
}

func (a *App) view() View {
	v := View{
		App: a.Name, Live: a.Live, Back: a.Back, Current: a.Current, Routing: a.Routing,
		Running: slices.Sorted(maps.Keys(a.Running)),
		Blocked: slices.Sorted(maps.Values(a.Blocked)),
		Hosts:   a.hosts(), NextHosts: a.nextHosts(),
	}
	for _, r := range a.Releases {
		v.Releases = append(v.Releases, a.summary(r))
	}
	if n := len(a.Releases); n > 0 {
		v.Releases[n-1].Trace = slices.Clone(a.Releases[n-1].Trace)
	}
	return v
}

func (a *App) hosts() []string {
	for _, id := range []string{a.Live, a.Current} {
		if r := a.Find(id); r != nil {
			return r.Plan.Hosts
		}
	}
	return nil
}

func (a *App) nextHosts() []string {
	r := a.Find(a.Current)
	if r == nil {
		return nil
	}
	now := a.hosts()
	return slices.DeleteFunc(slices.Clone(r.Plan.Hosts), func(host string) bool { return slices.Contains(now, host) })
}

func (a *App) summary(r *Release) Summary {
	s := Summary{
		ID: r.ID, App: r.App, Plan: r.Digest, Stored: r.Stored, Image: r.Plan.Image, Revision: r.Evidence.Revision,
		Actor: r.Actor, Submitted: r.Submitted, Phase: r.Phase, Step: r.Step,
		Steps: len(r.Plan.Release.Steps), Weight: a.share(r.ID), Elapsed: r.Elapsed,
		Waiting: r.Waiting(), Unit: r.Plan.Release.Affinity.unit(), Outcome: r.Outcome, Reason: r.Reason, BackFrom: r.BackFrom,
		Verdict: r.Verdict, Report: r.Report, Paused: r.paused != "", Resumable: r.resumable(),
	}
	if !r.Finished.IsZero() {
		s.Finished = &r.Finished
	}
	if r.Phase == PhaseCanary || r.Phase == PhaseBaking {
		s.Incident = r.incident(time.Duration(r.Elapsed) * time.Millisecond)
	}
	if r.Phase == PhaseCanary && r.units < StepUnits {
		s.NeedUnits = StepUnits - r.units
	}
	switch {
	case s.Reason == "" && r.Stop != nil:
		s.Reason = r.Stop.Reason
	case r.Outcome == Live && a.Live != r.ID:
		s.Reason = "not live any more"
	}
	return s
}

// share is the part of the app's traffic that a release has by the routing.
func (a *App) share(id string) float64 {
	switch id {
	case a.Routing.Canary:
		return a.Routing.Weight
	case a.Routing.Stable:
		return 1 - a.Routing.Weight
	}
	return 0
}
