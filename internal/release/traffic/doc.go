// Package traffic is the edge, davit's data plane: a reverse proxy that turns a
// versioned Table of routes into weighted traffic, and the traffic into Cohorts,
// the counts from which a release is judged. It runs as a process of its own, so
// that the death of the control process costs no request; control talks to it
// over a unix socket through Client.
//
// Its invariants: a request takes its target under the read lock of the route
// table and a swap takes the write lock, so after a swap nothing enters the old
// target and whoever waits for its drain sees every request that did; the
// version of a request is drawn independently of everything else about it;
// units are handed out by cohort, in the order in which requests came, never in
// the order in which they ended; and a weight under a lease ends by itself when
// control falls silent. DESIGN.md has the arguments.
//
// The package imports internal/x packages and its own framing only: it knows
// nothing of releases, verdicts, drivers or the journal.
package traffic
