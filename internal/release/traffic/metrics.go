package traffic

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/davit-dev/davit/internal/x/exposition"
)

// The bounds of the exported latency buckets are 2^9 to 2^25 microseconds, half a
// millisecond to half a minute: they are bounds of the histogram's own buckets,
// so the counts are exact.
const (
	firstBound = 9
	lastBound  = 25
)

// sampled is a version and what tells its samples from others.
type sampled struct {
	*version
	labels []string
}

// metrics returns everything that is counted in the text format of Prometheus.
func (r *router) metrics() []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var w exposition.Writer
	w.Family("davit_edge_table_version", exposition.Gauge, "Version of the route table in force, 0 before the first.")
	w.Sample(float64(r.version))
	r.writeConnections(&w)
	r.writeRefusals(&w)
	r.writeSecure(&w)
	w.Family("davit_edge_access_log_dropped_total", exposition.Counter, "Lines of the access log that could not be written in time, or at all.")
	w.Sample(float64(r.access.dropped.Load()))
	r.writeRoutes(&w)
	all := r.sampled()
	for _, m := range versionMetrics() {
		w.Family(m.name, m.kind, m.help)
		for _, v := range all {
			m.write(&w, v)
		}
	}
	return w.Bytes()
}

func (r *router) writeConnections(w *exposition.Writer) {
	w.Family("davit_edge_open_connections", exposition.Gauge, "Connections of clients.")
	for _, l := range []Listener{Production, Staging} {
		w.Sample(float64(r.clients[l].Open.Load()), "listener", string(l))
	}
	w.Family("davit_edge_closed_connections_total", exposition.Counter,
		"Connections that were closed at once because there were too many, from one client or in all.")
	for _, l := range []Listener{Production, Staging} {
		w.Sample(float64(r.clients[l].Closed.Load()), "listener", string(l))
	}
}

func (r *router) writeRefusals(w *exposition.Writer) {
	w.Family("davit_edge_refused_requests_total", exposition.Counter,
		"Requests that the edge answered itself because no version was to have them, by reason.")
	for _, l := range []Listener{Production, Staging} {
		for reason := range r.refused[l] {
			w.Sample(float64(r.refused[l][reason].Load()), "listener", string(l), "reason", refusal(reason).String())
		}
	}
}

func (r *router) writeSecure(w *exposition.Writer) {
	w.Family("davit_edge_failed_handshakes_total", exposition.Counter, "Connections whose TLS handshake failed, also for a name without a certificate.")
	w.Sample(float64(r.unshaken.Load()))
}

// writeRoutes writes what is in force for each app.
func (r *router) writeRoutes(w *exposition.Writer) {
	keys := r.sortedApps()
	w.Family("davit_edge_route_weight", exposition.Gauge, "Share of the requests that goes to the canary, 0 to 1.")
	for _, key := range keys {
		if to := r.apps[key].route; to != nil {
			w.Sample(to.weight, "app", key.name, "listener", string(key.listener))
		}
	}
	w.Family("davit_edge_route_lapsed", exposition.Gauge,
		"1 when the route's lease ran out and the stable version has all requests, otherwise 0.")
	for _, key := range keys {
		if to := r.apps[key].route; to != nil {
			lapsed := 0.0
			if to.lapsed {
				lapsed = 1
			}
			w.Sample(lapsed, "app", key.name, "listener", string(key.listener))
		}
	}
}

func (r *router) sortedApps() []appKey {
	keys := make([]appKey, 0, len(r.apps))
	for key := range r.apps {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b appKey) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.listener, b.listener))
	})
	return keys
}

// sampled returns the versions of all apps in a fixed order.
func (r *router) sampled() []sampled {
	var all []sampled
	for _, key := range r.sortedApps() {
		first := len(all)
		for label, v := range r.apps[key].versions {
			all = append(all, sampled{v, []string{"app", key.name, "listener", string(key.listener), "release", label}})
		}
		slices.SortFunc(all[first:], func(a, b sampled) int { return cmp.Compare(a.label, b.label) })
	}
	return all
}

// versionMetric is a metric with a sample, or several, for each version.
type versionMetric struct {
	name  string
	kind  exposition.Kind
	help  string
	write func(*exposition.Writer, sampled)
}

func versionMetrics() []versionMetric {
	return []versionMetric{
		{
			"davit_edge_responses_total", exposition.Counter, "Responses of a release by class of their status.",
			func(w *exposition.Writer, v sampled) {
				for class := range v.codes {
					if n := v.codes[class].Load(); n > 0 {
						w.Sample(float64(n), append(v.labels, "code", strconv.Itoa(class)+"xx")...)
					}
				}
			},
		},
		counter("davit_edge_requests_total", "Requests that were drawn for a release and whose first attempt has ended.",
			func(v sampled) uint64 { return v.requests.Load() }),
		counter("davit_edge_requests_failed_total", "Requests whose first attempt ended with 5xx or without an answer.",
			func(v sampled) uint64 { return v.failed.Load() }),
		counter("davit_edge_unconnected_attempts_total", "Attempts that ended before there was a connection to the release.",
			func(v sampled) uint64 { return v.refused.Load() }),
		counter("davit_edge_response_bytes_total", "Bytes of response bodies.",
			func(v sampled) uint64 { return v.bytes.Load() }),
		{
			"davit_edge_requests_in_flight", exposition.Gauge, "Requests that a release is working on, upgraded connections included.",
			func(w *exposition.Writer, v sampled) { w.Sample(float64(v.inFlight.Load()), v.labels...) },
		},
		{
			"davit_edge_response_time_seconds", exposition.Histogram,
			"Time from a request's claim to its response headers, of first attempts that did not fail.",
			func(w *exposition.Writer, v sampled) {
				buckets, count, sum := v.latency.cumulative()
				w.Distribution(buckets, count, sum.Seconds(), v.labels...)
			},
		},
		counter("davit_edge_mirrored_requests_total", "Copies of requests that were sent to a release and have ended.",
			func(v sampled) uint64 { return v.mirrored.requests.Load() }),
		counter("davit_edge_mirrored_requests_failed_total", "Copies that ended with 5xx or without an answer.",
			func(v sampled) uint64 { return v.mirrored.failed.Load() }),
		counter("davit_edge_mirrored_requests_dropped_total", "Copies that were not sent because too many were under way.",
			func(v sampled) uint64 { return v.mirrored.dropped.Load() }),
		{
			"davit_edge_mirrored_response_time_seconds", exposition.Histogram,
			"Time to the response headers of copies that did not fail.",
			func(w *exposition.Writer, v sampled) {
				buckets, count, sum := v.mirrored.latency.cumulative()
				w.Distribution(buckets, count, sum.Seconds(), v.labels...)
			},
		},
	}
}

func counter(name, help string, read func(sampled) uint64) versionMetric {
	return versionMetric{name, exposition.Counter, help, func(w *exposition.Writer, v sampled) {
		w.Sample(float64(read(v)), v.labels...)
	}}
}

// cumulative returns the histogram with the exported bounds, in seconds.
func (h *histogram) cumulative() (buckets []exposition.Bucket, count uint64, sum time.Duration) {
	next := firstBound
	for i := range h.counts {
		// Bucket i is the last one below the bound when its largest value is.
		count += h.counts[i].Load()
		if bound := time.Microsecond << next; next <= lastBound && upper(i) == bound-time.Microsecond {
			buckets = append(buckets, exposition.Bucket{UpTo: bound.Seconds(), Count: count})
			next++
		}
	}
	return buckets, count, time.Duration(h.sum.Load()) * time.Microsecond
}

func (e *Edge) getMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", exposition.ContentType)
	_, _ = w.Write(e.router.metrics()) // as in answer
}

// maxMetrics bounds what is read of an edge's metrics: some ten thousand releases.
const maxMetrics = 64 << 20

// Metrics returns what the edge counts, in the text format of Prometheus.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://edge/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("read edge metrics: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read edge metrics: %w", err)
	}
	defer res.Body.Close()
	if err := failure(res); err != nil {
		return nil, fmt.Errorf("read edge metrics: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxMetrics))
	if err != nil {
		return nil, fmt.Errorf("read edge metrics: %w", err)
	}
	return text, nil
}
