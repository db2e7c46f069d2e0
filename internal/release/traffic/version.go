package traffic

import (
	"net/http"
	"sync/atomic"
)

// version is one version of an app on one listener: its connections and its
// totals. It outlives the tables that name it, because its label is its
// identity, and stays while requests are on it.
type version struct {
	label     string
	transport *http.Transport // of HTTP/1
	dialect   *dialect
	retired   bool // no route names it; guarded by the router's lock

	streams  streams
	turn     atomic.Uint64 // whose turn it is among the addresses
	inFlight atomic.Int64  // claims that have not been released
	requests atomic.Uint64 // first attempts with an outcome
	failed   atomic.Uint64 // those that failed
	refused  atomic.Uint64 // attempts without a connection
	bytes    atomic.Uint64 // response bodies
	codes    [10]atomic.Uint64
	mirrored mirrored
	latency  histogram // of first attempts that did not fail, from the claim to the outcome
}

func newVersion(label string) *version {
	return &version{label: label, transport: newTransport(), dialect: newDialect()}
}

// closeIdle closes the connections that no request is on.
func (v *version) closeIdle() {
	v.transport.CloseIdleConnections()
	v.dialect.transport.CloseIdleConnections()
}

// target is a version as one route names it.
type target struct {
	version   *version
	addresses []string // those that take turns, and then the spare ones
	turns     int      // how many take turns
}

// turn returns the index of the address whose turn it is.
func (t *target) turn() int {
	if t.turns == 1 {
		return 0
	}
	return int(t.version.turn.Add(1) % uint64(t.turns))
}

// address returns the one to try after so many others, by whose turn it is; tried is
// below the number of all addresses.
func (t *target) address(turn, tried int) string {
	if tried < t.turns {
		return t.addresses[(turn+tried)%t.turns]
	}
	return t.addresses[tried]
}
