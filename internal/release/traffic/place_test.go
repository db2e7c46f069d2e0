package traffic_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// TestPlaces: several apps at one host, each with the paths that are its own.
func TestPlaces(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	at := func(app string, hosts ...string) traffic.Route {
		return traffic.Route{
			App: app, Version: 1, Listener: traffic.Production, Hosts: hosts,
			Stable: named(t, app),
		}
	}
	err := r.PutTable(t.Context(), traffic.Table{Version: 1, Routes: []traffic.Route{
		at("shop", "shop.test"), at("orders", "shop.test/orders", "orders.test"), at("old", "shop.test/orders/v1"), at("only", "only.test/a/b"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"shop.test/": "shop", "shop.test/ordersx": "shop", "shop.test/order": "shop", "SHOP.test/orders": "orders",
		"shop.test/orders/": "orders", "shop.test/orders/v": "orders", "shop.test/orders/v10": "orders", "shop.test/orders/v1": "old",
		"shop.test/orders/v1/x?y=/": "old", "shop.test/%6frders": "orders", "orders.test/": "orders", "orders.test/v1": "orders",
		"only.test/a/b": "only", "only.test/a/b/c": "only", "only.test/a": "404", "only.test/": "404", "only.test/A/b": "404",
	} {
		host, path, _ := strings.Cut(url, "/")
		status, body := send(t, request(t, http.MethodGet, r.url+"/"+path, host, ""))
		if status == http.StatusNotFound {
			body = "404"
		}
		if body != want {
			t.Errorf("%s: %d %q, want %s", url, status, body, want)
		}
	}
}

func TestPlacesThatAreNone(t *testing.T) {
	target := &traffic.Target{Label: "a-1", Addresses: []string{"127.0.0.1:1"}}
	for _, host := range []string{
		"a/", "a/b/", "a//b", "a/../b", "a/./b", "a/b c", "a/%2e", "a/b?c", "/a", "a:80/b", "a/" + strings.Repeat("b", 200),
	} {
		table := traffic.Table{Version: 1, Routes: []traffic.Route{
			{App: "a", Version: 1, Listener: traffic.Production, Hosts: []string{host}, Stable: target},
		}}
		if err := table.Validate(); err == nil {
			t.Errorf("%s is taken for a place", host)
		}
	}
	twice := traffic.Table{Version: 1, Routes: []traffic.Route{
		{App: "a", Version: 1, Listener: traffic.Production, Hosts: []string{"h.test/a"}, Stable: target},
		{App: "b", Version: 1, Listener: traffic.Production, Hosts: []string{"H.test/a"}, Stable: target},
	}}
	if err := twice.Validate(); err == nil || !strings.Contains(err.Error(), `already belongs to "a"`) {
		t.Errorf("one place of two apps: %v", err)
	}
}
