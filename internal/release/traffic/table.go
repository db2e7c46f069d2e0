package traffic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// Listener names one of the edge's two doors.
type Listener string

// The doors of the edge. Staging is reachable from this machine only, and
// nothing that comes through it is counted for a verdict.
const (
	Production Listener = "production"
	Staging    Listener = "staging"
)

// Table is all that the edge routes. It is replaced as a whole; its version
// rises with every change and never names two different tables.
type Table struct {
	Version uint64  `json:"version"`
	Routes  []Route `json:"routes"`
}

// Route sends the requests for some hosts, on one listener, to an app's
// versions. An app has at most one route on each listener.
type Route struct {
	App string `json:"app"`
	// Version is the journal index of the action that set the route. It keys the
	// cohorts, and a lapsed lease is over only when it changes.
	Version  uint64   `json:"version"`
	Listener Listener `json:"listener"`
	// Hosts are matched whole, without regard to case or port. One with a path, such
	// as example.com/orders, has the requests at that path and below it; the longest
	// of several has them.
	Hosts  []string `json:"hosts"`
	Stable *Target  `json:"stable"`
	Canary *Target  `json:"canary,omitempty"`
	// Weight is the share of requests that goes to the canary, in [0, 1].
	Weight float64 `json:"weight"`
	// Affinity keeps a session with its version while there is a canary; nil: each
	// request is drawn by itself.
	Affinity *Affinity `json:"affinity,omitempty"`
	// Mirror is the share of the stable version's safe requests that the canary
	// gets copies of, in [0, 1]. Nobody gets its answers to them.
	Mirror float64 `json:"mirror,omitempty"`
	// Cuts say which latencies are told apart; without them none are.
	Cuts *Cuts `json:"cuts,omitempty"`
	// Lease is how long the weight holds after a table was last put; then the
	// stable version gets everything. Zero: the route is final.
	Lease quantity.Duration `json:"lease"`
	// Drain is how long control means to wait for requests on a version that
	// left the route. The edge keeps it for whoever reads the table back.
	Drain quantity.Duration `json:"drain"`
}

// Target is one version of an app and the places where it answers.
type Target struct {
	// Label says which version it is: the identifier of its release.
	Label string `json:"label"`
	// Addresses, host:port each, take turns.
	Addresses []string `json:"addresses"`
	// Spare are addresses of the version that were not well when the table was made.
	// They are tried last, when all others refuse.
	Spare []string `json:"spare,omitempty"`
}

// maxTableBytes bounds an encoded table: some ten thousand routes.
const maxTableBytes = 4 << 20

// Encode validates t and returns it as JSON; DecodeTable reads it back.
func (t Table) Encode() ([]byte, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode route table %d: %w", t.Version, err)
	}
	if len(data) > maxTableBytes {
		return nil, fmt.Errorf("route table %d is %d bytes, allowed are %d", t.Version, len(data), maxTableBytes)
	}
	return data, nil
}

// DecodeTable reads and validates the JSON form of a table. Unknown keys,
// anything after the table, and tables over the size limit are errors.
func DecodeTable(data []byte) (Table, error) {
	if len(data) > maxTableBytes {
		return Table{}, fmt.Errorf("route table is over %d bytes", maxTableBytes)
	}
	var t Table
	if err := decodeStrictly(data, &t); err != nil {
		return Table{}, fmt.Errorf("decode route table: %w", err)
	}
	if err := t.Validate(); err != nil {
		return Table{}, err
	}
	return t, nil
}

// decodeStrictly fills v from exactly one JSON value without unknown keys.
func decodeStrictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the end of the value")
	}
	return nil
}
