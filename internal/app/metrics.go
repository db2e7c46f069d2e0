package app

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/davit-dev/davit/internal/certificate"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/exposition"
)

// metricsPatience is the most that the edge may take to say what it counts.
const metricsPatience = 3 * time.Second

// counted is where the metrics of the platform come from.
type counted struct {
	edge    func(context.Context) ([]byte, error) // the edge's own metrics
	starts  func() int64                          // of edge processes by this one
	apps    func() []release.View
	entries func() int64 // in the journal
	shown   func() []certificate.Entry
}

func (p *Platform) counted() counted {
	return counted{
		edge: p.edge.client.Metrics, starts: p.edge.starts.Load,
		apps: p.engine.Apps, entries: p.journal.log.Size, shown: p.entries,
	}
}

// ServeHTTP answers with the metrics of control and edge in the text format of
// Prometheus. Without an edge those of control are there, and say so.
func (c counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), metricsPatience)
	defer cancel()
	edge, err := c.edge(ctx)
	w.Header().Set("Content-Type", exposition.ContentType)
	_, _ = w.Write(append(c.own(err == nil), edge...)) // a scraper that is gone needs no answer
}

// own returns what control knows by itself.
func (c counted) own(edgeUp bool) []byte {
	var w exposition.Writer
	w.Family("davit_info", exposition.Gauge, "Always 1; the label says which davit serves.")
	w.Sample(1, "version", Version())
	w.Family("davit_edge_up", exposition.Gauge, "1 when the edge answers, otherwise 0.")
	up := 0.0
	if edgeUp {
		up = 1
	}
	w.Sample(up)
	w.Family("davit_edge_starts_total", exposition.Counter, "Edge processes that this davit has started.")
	w.Sample(float64(c.starts()))
	w.Family("davit_journal_entries", exposition.Gauge, "Entries in the journal: the index of the next one.")
	w.Sample(float64(c.entries()))
	c.writeCertificates(&w)
	w.Family("davit_releases", exposition.Gauge, "Releases of an app by state: how they ended, or how far they have come.")
	for _, app := range c.apps() {
		states := map[string]int{}
		for _, s := range app.Releases {
			states[state(s)]++
		}
		for _, name := range slices.Sorted(maps.Keys(states)) {
			w.Sample(float64(states[name]), "app", app.App, "state", name)
		}
	}
	return w.Bytes()
}

func (c counted) writeCertificates(w *exposition.Writer) {
	w.Family("davit_certificate_not_after_seconds", exposition.Gauge, "Until when the certificate of a host is good, in Unix time; 0 while there is none.")
	all := c.shown()
	for _, e := range all {
		until := 0.0
		if !e.NotAfter.IsZero() {
			until = float64(e.NotAfter.Unix())
		}
		w.Sample(until, "host", e.Host, "issuer", string(e.Issuer))
	}
	w.Family("davit_certificate_failures_total", exposition.Counter, "Attempts to get or renew the certificate of a host that failed.")
	for _, e := range all {
		w.Sample(float64(e.Failures), "host", e.Host)
	}
}

func state(s release.Summary) string {
	if s.Outcome != "" {
		return string(s.Outcome)
	}
	return string(s.Phase)
}
