package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/certificate"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/exposition"
	"github.com/davit-dev/davit/internal/x/exposition/expositiontest"
)

func TestMetricsOfControlAndEdge(t *testing.T) {
	edge := []byte("# HELP davit_edge_table_version V.\n# TYPE davit_edge_table_version gauge\ndavit_edge_table_version 7\n")
	var down error
	c := counted{
		edge:    func(context.Context) ([]byte, error) { return edge, down },
		starts:  func() int64 { return 2 },
		entries: func() int64 { return 41 },
		shown: func() []certificate.Entry {
			return []certificate.Entry{
				{Host: "a.localhost", Issuer: certificate.Own, NotAfter: time.Unix(1e9, 0)}, {Host: "b.org", Issuer: certificate.Acme, Failures: 3},
			}
		},
		apps: func() []release.View {
			return []release.View{{App: "orders", Releases: []release.Summary{
				{Phase: release.PhaseEnded, Outcome: release.Live},
				{Phase: release.PhaseEnded, Outcome: release.Live},
				{Phase: release.PhaseCanary},
			}}}
		},
	}
	got := scrape(t, c)
	for key, want := range map[string]float64{
		`davit_info{version="` + Version() + `"}`: 1,
		`davit_edge_up`:                               1,
		`davit_edge_starts_total`:                     2,
		`davit_journal_entries`:                       41,
		`davit_releases{app="orders",state="live"}`:   2,
		`davit_releases{app="orders",state="canary"}`: 1,
		`davit_edge_table_version`:                    7,
		`davit_certificate_not_after_seconds{host="a.localhost",issuer="own"}`: 1e9,
		`davit_certificate_not_after_seconds{host="b.org",issuer="acme"}`:      0,
		`davit_certificate_failures_total{host="b.org"}`:                       3,
	} {
		if v, there := got[key]; !there || v != want {
			t.Errorf("%s is %v (there: %v), want %v", key, v, there, want)
		}
	}
	documented := expositiontest.Documented(t, "../../docs/metrics.md")
	for name, kind := range expositiontest.Types(c.own(true)) {
		if documented[name] != kind {
			t.Errorf("%s is a %s, docs/metrics.md says %q", name, kind, documented[name])
		}
	}
	edge, down = nil, errors.New("gone")
	got = scrape(t, c)
	if up, there := got["davit_edge_up"]; !there || up != 0 || got["davit_journal_entries"] != 41 {
		t.Errorf("without an edge: %v", got)
	}
}

func scrape(t *testing.T, h http.Handler) expositiontest.Samples {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if kind := w.Header().Get("Content-Type"); w.Code != http.StatusOK || kind != exposition.ContentType {
		t.Fatalf("%d, %s", w.Code, kind)
	}
	if !strings.HasPrefix(w.Body.String(), "# HELP ") {
		t.Fatalf("got %.100s", w.Body)
	}
	return expositiontest.Parse(t, w.Body.Bytes())
}
