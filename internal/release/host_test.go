package release_test

import (
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release"
)

func at(app string, hosts ...string) func(*release.Plan) {
	return func(p *release.Plan) { p.App, p.Image.Repository, p.Hosts = app, app, hosts }
}

func TestValidateHost(t *testing.T) {
	long := strings.Repeat("a", 63)
	for host, valid := range map[string]bool{
		"a": true, "a.b-c.d1": true, long: true, "a.b/c": true, "a/b/C.d_~-": true, "a/" + strings.Repeat("b", 199): true,
		"": false, "A": false, "a.": false, "-a": false, "a:80": false, long + "a": false, "a/": false, "/a": false, "a//b": false,
		"a/b/": false, "a/../b": false, "a/.b": false, "a/b%20": false, "a/b?c": false, "a/" + strings.Repeat("b", 200): false, "a b": false,
	} {
		if err := release.ValidateHost(host); (err == nil) != valid {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// TestPlacesBelongToOneApp: of what is live, of what is on its way, and of what
// somebody goes back to.
func TestPlacesBelongToOneApp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, c *control) {
		c.ship(t, plan("v1", at("orders", "x.test", "y.test")))
		c.ship(t, plan("v2", at("orders", "x.test"), func(p *release.Plan) { p.Release.Undecided = release.Promote }))
		w.change(func() { w.proving = make(chan struct{}) })
		c.submit(t, plan("v3", at("orders", "x.test", "z.test/new")))
		for _, host := range []string{"x.test", "z.test/new"} {
			_, err := c.try(t, plan("b", at("billing", host)))
			if refused := refusal(t, err, release.CodeInvalid); !strings.Contains(refused.Message, "belongs to the app orders") {
				t.Errorf("%s: %v", host, err)
			}
		}
		if err := c.Abort(t.Context(), "orders-3", "ada"); err != nil {
			t.Fatal(err)
		}
		w.change(func() { close(w.proving); w.proving = nil })
		time.Sleep(time.Second)
		c.ship(t, plan("b", at("billing", "y.test", "x.test/billing")))
		_, err := c.Rollback(t.Context(), "orders", "ada")
		if refused := refusal(t, err, release.CodeInvalid); !strings.Contains(refused.Message, "y.test belongs to the app billing") {
			t.Errorf("going back to a place that another app has: %v", err)
		}
	})
}
