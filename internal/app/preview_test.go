package app

import (
	"errors"
	"testing"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/traffic"
)

func TestWhatIsPreviewed(t *testing.T) {
	going := release.View{
		App: "orders", Hosts: []string{"orders.localhost"}, Live: "orders-2", Current: "orders-3",
		Releases: []release.Summary{{ID: "orders-1"}, {ID: "orders-2"}, {ID: "orders-3"}},
	}
	still := going
	still.Current = ""
	for _, c := range []struct {
		view     release.View
		app, ask string
		want     string
		code     release.Code
	}{
		{going, "orders", "", "orders-3", ""},
		{going, "orders", "orders-2", "orders-2", ""},
		{still, "orders", "", "orders-2", ""},
		{going, "orders", "orders-1", "", release.CodeInvalid},
		{going, "orders", "orders-9", "", release.CodeUnknown},
		{release.View{App: "orders"}, "orders", "", "", release.CodeUnknown},
		{going, "bills", "", "", release.CodeUnknown},
	} {
		got, host, err := previewed([]release.View{c.view}, c.app, c.ask)
		if c.code != "" {
			if refusal, ok := errors.AsType[*release.RefusalError](err); !ok || refusal.Code != c.code {
				t.Errorf("%q of %q: %+v, %v, want %s", c.ask, c.app, got, err, c.code)
			}
			continue
		}
		if err != nil || got.ID != c.want || host != "orders.localhost" {
			t.Errorf("%q of %q: %+v, %q, %v, want %s", c.ask, c.app, got, host, err, c.want)
		}
	}
}

func TestWhatTheEdgeIsToldOfAffinity(t *testing.T) {
	for from, want := range map[release.Affinity]traffic.Affinity{
		release.AffinityCookie:   {By: traffic.ByCookie},
		release.AffinityClientIP: {By: traffic.ByClientIP},
		"header:x-user":          {By: traffic.ByHeader, Header: "X-User"},
	} {
		shared := release.Traffic{
			App: "orders", Hosts: []string{"orders.localhost"}, Version: 1, Affinity: from, Mirror: 0.25,
			Routing: release.Routing{Stable: "orders-1", Canary: "orders-2", Weight: 0.5},
		}
		route := productionRoute(shared, nil)
		if route.Affinity == nil || *route.Affinity != want || route.Mirror != 0.25 {
			t.Errorf("%s: %+v, mirror %v", from, route.Affinity, route.Mirror)
		}
		if err := (traffic.Table{Version: 1, Routes: []traffic.Route{route}}).Validate(); err != nil {
			t.Errorf("%s: the edge refuses it: %v", from, err)
		}
		shared.Routing.Canary, shared.Routing.Weight = "", 0
		if alone := productionRoute(shared, nil); alone.Affinity != nil || alone.Mirror != 0 {
			t.Errorf("%s: without a canary %+v", from, alone)
		}
	}
}
