// Package api is what client and server say to each other: JSON over HTTP under
// /v1/, with events as SSE, on a unix socket or behind a Gate for tokens. It holds
// the types, the handler and the client, so that the two ends cannot drift apart. It knows the values of
// the stages and none of their machinery.
package api

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/release"
)

// Status is everything that is to be seen at one look.
type Status struct {
	Version  string `json:"version"`
	PID      int    `json:"pid"`
	Data     string `json:"data"`          // data folder
	Page     string `json:"page"`          // http://host:port of the page and the registry
	Registry string `json:"registry"`      // host:port
	API      *API   `json:"api,omitempty"` // for other machines; nil: there is none
	Edge     Edge   `json:"edge"`
	Sandbox  string `json:"sandbox"` // level that instances reach here
	Apps     []App  `json:"apps"`
	You      Caller `json:"you"` // who asked, and what they may
}

// For returns what a caller may see of s.
func (s Status) For(c Caller) Status {
	s.You = c
	s.Apps = slices.DeleteFunc(slices.Clone(s.Apps), func(a App) bool { return !c.Covers(a.App) })
	return s
}

// API is where other machines ask, in HTTPS.
type API struct {
	URL         string `json:"url"`
	Fingerprint string `json:"fingerprint"` // of its certificate: SHA256:HEX
}

// Edge is how the data plane is.
type Edge struct {
	PID        int    `json:"pid"` // 0 while it does not answer
	Production string `json:"production"`
	Staging    string `json:"staging"`
	Secure     string `json:"secure,omitempty"` // production in TLS; "": there is none
	CA         string `json:"ca,omitempty"`     // file with the root of the server's own CA
	Starts     int    `json:"starts"`           // how often control had to start it
}

// App is one app: its releases, what runs, and what the edge counted.
type App struct {
	release.View
	Instances []driver.Instance `json:"instances"`
	Traffic   []Traffic         `json:"traffic"`
	Volumes   string            `json:"volumes,omitempty"` // folder of what it keeps, "" when it keeps nothing
	// Certificates are for the hosts, where production is in TLS.
	Certificates []Certificate `json:"certificates,omitempty"`
}

// Release is one release with what runs of it, in staging, too.
type Release struct {
	release.Summary

	Instances []driver.Instance `json:"instances,omitempty"`
}

// Release returns the release of an app with an ID.
func (a App) Release(id string) (Release, bool) {
	s, found := a.Find(id)
	r := Release{Summary: s}
	for _, i := range a.Instances {
		if i.ID == id || strings.HasPrefix(i.ID, id+"-") {
			r.Instances = append(r.Instances, i)
		}
	}
	return r, found
}

// Certificate is a host and the certificate that is shown for it.
type Certificate struct {
	Host     string     `json:"host"`
	Issuer   string     `json:"issuer"`              // own or acme
	Serial   string     `json:"serial,omitempty"`    // in hexadecimal digits; "": there is none yet
	NotAfter *time.Time `json:"not_after,omitempty"` // nil while there is none
	Error    string     `json:"error,omitempty"`     // why the last attempt failed
	Retry    *time.Time `json:"retry,omitempty"`     // when it is tried again
}

// Traffic is what the edge counted for one release since it knows it.
type Traffic struct {
	Release  string  `json:"release"`
	Requests uint64  `json:"requests"`
	Failed   uint64  `json:"failed"`
	InFlight int64   `json:"in_flight"`
	P50      float64 `json:"p50_ms"`
	P95      float64 `json:"p95_ms"`
	P99      float64 `json:"p99_ms"`
	Mirror   *Mirror `json:"mirror,omitempty"` // nil without copies
}

// Mirror is what came of copies of requests that a release got. They are in no
// other figures.
type Mirror struct {
	Requests uint64  `json:"requests"`
	Failed   uint64  `json:"failed"`
	Dropped  uint64  `json:"dropped"` // not sent, because too many were under way
	P50      float64 `json:"p50_ms"`
	P95      float64 `json:"p95_ms"`
	P99      float64 `json:"p99_ms"`
}

// Submission names a plan that was pushed to the registry.
type Submission struct {
	Repository string `json:"repository"`
	Plan       string `json:"plan"` // digest of the plan's manifest
	Supersede  bool   `json:"supersede,omitempty"`
}

// Verb is what can be done to a release or an app that exists.
type Verb string

// The verbs.
const (
	Approve  Verb = "approve"
	Abort    Verb = "abort"
	Hold     Verb = "hold"
	Resume   Verb = "resume"
	Rollback Verb = "rollback"
	Unblock  Verb = "unblock"
	Remove   Verb = "remove"
)

// OfRelease says whether the verb is about a release; the others are about an app.
func (v Verb) OfRelease() bool { return slices.Contains([]Verb{Approve, Abort, Hold, Resume}, v) }

// LogQuery says which lines of an app's instances are wanted.
type LogQuery struct {
	App     string
	Release string // "" for all
	Tail    int    // lines from the end, 0 for all that is kept
	Follow  bool
}

// Entry is one entry of the journal. Leaf holds the bytes that are hashed.
type Entry struct {
	Index   int64           `json:"index"`
	Time    time.Time       `json:"time"`
	App     string          `json:"app,omitempty"`
	Release string          `json:"release,omitempty"`
	Kind    string          `json:"kind"`
	Actor   string          `json:"actor"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Checkpoint is the journal's signed head and the key that signed it. Proof
// shows that it continues the tree of the size that was asked about.
type Checkpoint struct {
	Note  string   `json:"note"`
	Key   string   `json:"key"`             // verifier key, in the form of sumdb/note
	Proof []string `json:"proof,omitempty"` // base64 hashes, RFC 6962 section 2.1.2
}
