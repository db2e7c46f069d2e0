package e2e

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReplicas: three instances share the traffic of an app, a new version has all
// of its own before the old ones go, and one that dies comes back.
func TestReplicas(t *testing.T) {
	p := newPlatform(t)
	threefold := func(version string) string {
		dir := ordersSource(t, version, "0", "1s")
		write(t, dir, "davit.yaml", strings.Replace(`name: orders
run: {env: {ORDERS_VERSION: %V}, drain: 2s, replicas: 3, health: {interval: 1s}}
release: {steps: [25%, 50%], dwell: 1s, bake: 2s}
`, "%V", version, 1))
		return dir
	}
	p.must(threefold("v1"), "ship", "--skip-tests")
	if got := p.instances("orders-1"); len(got) != 3 {
		t.Fatalf("%d instances of the first release: %v", len(got), got)
	}
	load := startLoad(t, p.edge, "orders.localhost", "/orders/1", 200)
	p.must(threefold("v2"), "ship", "--skip-tests")
	until(t, "the end of the old instances", 20*time.Second, func() bool { return len(p.instances("orders-1")) == 0 })
	sent, failed, reasons := load.end()
	if failed > 0 {
		t.Errorf("%d of %d failed: %v", failed, sent, reasons)
	}
	running := p.instances("orders-2")
	if len(running) != 3 {
		t.Fatalf("%d instances of the second release: %v", len(running), running)
	}
	for _, i := range running {
		if logs := p.must("", "logs", "orders", "--release", "orders-2"); strings.Count(logs, `"msg":"listening"`) != 3 {
			t.Fatalf("the log of %s shows not all instances: %s", i.ID, logs)
		}
	}
	if err := syscall.Kill(running[1].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for range 100 { // the others answer meanwhile
		if res, _ := p.get(t, "http://"+p.edge+"/orders/1", nil); res.StatusCode != http.StatusOK {
			lost++
		}
	}
	if lost > 1 { // what was on its way to it
		t.Errorf("while one was gone, %d requests of 100 failed", lost)
	}
	until(t, "the return of the one that died", 20*time.Second, func() bool {
		ready, restarts := 0, 0
		for _, i := range p.instances("orders-2") {
			restarts += i.Restarts
			if i.State == "ready" {
				ready++
			}
		}
		return ready == 3 && restarts == 1
	})
	if s := p.release("orders-2"); s.Outcome != "live" {
		t.Errorf("got %+v", s)
	}
}

// instances are those of a release.
func (p *platform) instances(release string) []instance {
	p.t.Helper()
	var own []instance
	for _, app := range p.status().Apps {
		for _, i := range app.Instances {
			if i.of(release) {
				own = append(own, i)
			}
		}
	}
	return own
}
