package traffic_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/x/exposition/expositiontest"
)

func (r *rig) metrics(tb testing.TB) expositiontest.Samples {
	tb.Helper()
	text, err := r.Metrics(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return expositiontest.Parse(tb, text)
}

func TestMetrics(t *testing.T) {
	r, s := newSteered(t)
	send(t, request(t, http.MethodGet, r.url, "a", ""))
	r.route(t, backend(t, "r1", fails), refusing(t, "r2"), 0.25)
	for range 3 {
		r.do(t, http.MethodGet, "")
	}
	s.canary.Store(true)
	r.do(t, http.MethodGet, "") // refused, falls back
	r.route(t, named(t, `r"3`), nil, 0)
	r.do(t, http.MethodGet, "")
	send(t, request(t, http.MethodGet, r.url, "nobody", ""))
	send(t, request(t, http.MethodGet, r.staging, "a", ""))

	const app = `{app="a",listener="production"`
	got := r.metrics(t)
	for key, want := range map[string]float64{
		`davit_edge_table_version`:                                                          2,
		`davit_edge_route_weight` + app + `}`:                                               0,
		`davit_edge_route_lapsed` + app + `}`:                                               0,
		`davit_edge_refused_requests_total{listener="production",reason="no_table"}`:        1,
		`davit_edge_refused_requests_total{listener="production",reason="no_host"}`:         1,
		`davit_edge_refused_requests_total{listener="staging",reason="no_host"}`:            1,
		`davit_edge_refused_requests_total{listener="staging",reason="method"}`:             0,
		`davit_edge_responses_total` + app + `,release="r1",code="5xx"}`:                    4,
		`davit_edge_requests_total` + app + `,release="r1"}`:                                3,
		`davit_edge_requests_failed_total` + app + `,release="r1"}`:                         3,
		`davit_edge_requests_total` + app + `,release="r2"}`:                                1,
		`davit_edge_requests_failed_total` + app + `,release="r2"}`:                         1,
		`davit_edge_unconnected_attempts_total` + app + `,release="r2"}`:                    1,
		`davit_edge_responses_total` + app + `,release="r\"3",code="2xx"}`:                  1,
		`davit_edge_response_bytes_total` + app + `,release="r\"3"}`:                        3,
		`davit_edge_response_time_seconds_bucket` + app + `,release="r\"3",le="0.000512"}`:  1,
		`davit_edge_response_time_seconds_count` + app + `,release="r\"3"}`:                 1,
		`davit_edge_response_time_seconds_count` + app + `,release="r1"}`:                   0,
		`davit_edge_response_time_seconds_bucket` + app + `,release="r\"3",le="33.554432"}`: 1,
		`davit_edge_requests_in_flight` + app + `,release="r\"3"}`:                          0,
	} {
		if v, there := got[key]; !there || v != want {
			t.Errorf("%s is %v (there: %v), want %v", key, v, there, want)
		}
	}
}

// The page must describe each metric, with its type, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	text, err := newRig(t, t.TempDir(), nil).Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted := expositiontest.Types(text)
	documented := expositiontest.Documented(t, "../../../docs/metrics.md")
	maps.DeleteFunc(documented, func(name, _ string) bool {
		ofControl := name == "davit_edge_up" || name == "davit_edge_starts_total"
		return ofControl || !strings.HasPrefix(name, "davit_edge_")
	})
	if !maps.Equal(counted, documented) {
		t.Errorf("the edge has\n%v\ndocs/metrics.md has\n%v", counted, documented)
	}
}
