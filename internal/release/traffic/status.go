package traffic

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// Status is what the edge is doing.
type Status struct {
	Epoch        string        `json:"epoch"` // of the cohorts; another one means another edge process
	PID          int           `json:"pid"`
	TableVersion uint64        `json:"table_version"`    // 0 before the first table
	Secure       string        `json:"secure,omitempty"` // address that TLS is spoken on, "" without one
	Routes       []RouteStatus `json:"routes"`           // by app, then listener
}

// RouteStatus is an app on a listener. An app that left the table is listed, with
// version 0, as long as one of its versions is.
type RouteStatus struct {
	App      string          `json:"app"`
	Listener Listener        `json:"listener"`
	Version  uint64          `json:"version"`
	Weight   float64         `json:"weight"` // the canary's share in force now
	Lapsed   bool            `json:"lapsed"` // the lease ran out: the weight is 0 until the route has another version
	Versions []VersionStatus `json:"versions"`
}

// Role is what a version is to its route.
type Role string

// The roles. A version that left its route drains; its totals stay until the
// app's next change.
const (
	RoleStable   Role = "stable"
	RoleCanary   Role = "canary"
	RoleDraining Role = "draining"
)

// VersionStatus is the totals of one version since the edge started.
// Requests and Failed are about first attempts, and the latencies about those of
// them that did not fail, from the claim to the response headers; Codes and Bytes are about the responses that it gave,
// also to requests that fell back on it.
type VersionStatus struct {
	Label    string            `json:"label"`
	Role     Role              `json:"role"`
	InFlight int64             `json:"in_flight"`
	Requests uint64            `json:"requests"`
	Failed   uint64            `json:"failed"`
	Bytes    uint64            `json:"bytes"`           // of response bodies
	Codes    map[string]uint64 `json:"codes,omitempty"` // by class: "2xx"
	P50      quantity.Duration `json:"p50"`
	P95      quantity.Duration `json:"p95"`
	P99      quantity.Duration `json:"p99"`
	// Mirror is about the copies that the version got, nil when there were none.
	Mirror *MirrorStatus `json:"mirror,omitempty"`
}

// MirrorStatus is what came of copies of requests since the edge started. None of
// them is in the other totals, or counted for a verdict.
type MirrorStatus struct {
	Requests uint64            `json:"requests"` // that were sent, and have ended
	Failed   uint64            `json:"failed"`   // with 5xx or without an answer
	Dropped  uint64            `json:"dropped"`  // not sent, because too many were under way
	P50      quantity.Duration `json:"p50"`
	P95      quantity.Duration `json:"p95"`
	P99      quantity.Duration `json:"p99"`
}

func (m *mirrored) status() *MirrorStatus {
	s := &MirrorStatus{Requests: m.requests.Load(), Failed: m.failed.Load(), Dropped: m.dropped.Load()}
	if s.Requests == 0 && s.Dropped == 0 {
		return nil
	}
	q := m.latency.quantiles(0.5, 0.95, 0.99)
	s.P50, s.P95, s.P99 = quantity.Duration(q[0]), quantity.Duration(q[1]), quantity.Duration(q[2])
	return s
}

// Past is what a version did: its first attempts that failed, and the latencies
// of the others.
type Past struct {
	Failed  uint64   `json:"failed"`
	Latency []Bucket `json:"latency"`
}

func (r *router) past(key appKey, label string) Past {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if a := r.apps[key]; a != nil {
		for _, v := range a.versions {
			if v.label == label {
				return Past{Failed: v.failed.Load(), Latency: v.latency.filled()}
			}
		}
	}
	return Past{Latency: []Bucket{}}
}

func (r *router) status() Status {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := Status{
		Epoch: r.recorder.epoch, PID: os.Getpid(), TableVersion: r.version,
		Routes: []RouteStatus{},
	}
	for key, a := range r.apps {
		s.Routes = append(s.Routes, a.status(key))
	}
	slices.SortFunc(s.Routes, func(a, b RouteStatus) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Listener, b.Listener))
	})
	return s
}

func (a *app) status(key appKey) RouteStatus {
	s := RouteStatus{App: key.name, Listener: key.listener, Versions: []VersionStatus{}}
	if to := a.route; to != nil {
		s.Version, s.Weight, s.Lapsed = to.Version, to.weight, to.lapsed
	}
	for _, v := range a.versions {
		s.Versions = append(s.Versions, v.status(a.route))
	}
	slices.SortFunc(s.Versions, func(a, b VersionStatus) int { return cmp.Compare(a.Label, b.Label) })
	return s
}

func (v *version) status(to *route) VersionStatus {
	q := v.latency.quantiles(0.5, 0.95, 0.99)
	s := VersionStatus{
		Label: v.label, Role: RoleDraining,
		InFlight: v.inFlight.Load(), Requests: v.requests.Load(), Failed: v.failed.Load(),
		Bytes: v.bytes.Load(), Codes: make(map[string]uint64),
		P50: quantity.Duration(q[0]), P95: quantity.Duration(q[1]), P99: quantity.Duration(q[2]),
		Mirror: v.mirrored.status(),
	}
	switch {
	case !to.names(v):
	case to.stable.version == v:
		s.Role = RoleStable
	default:
		s.Role = RoleCanary
	}
	for class := range v.codes {
		if n := v.codes[class].Load(); n > 0 {
			s.Codes[fmt.Sprintf("%dxx", class)] = n
		}
	}
	return s
}
