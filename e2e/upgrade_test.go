package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestUpgradeUnderLoad puts another program in the place of davit: control and the
// edge are new after it, the instance is the same, and no request is lost.
func TestUpgradeUnderLoad(t *testing.T) {
	p := newPlatform(t)
	p.must(ordersSource(t, "v1", "0", "1s"), "ship", "--skip-tests")
	before := p.status()
	load := startLoad(t, p.edge, "orders.localhost", "/orders/1", 200)

	p.upgrade()
	until(t, "the new edge", 30*time.Second, func() bool {
		s := p.status()
		return s.Edge.PID > 0 && s.Edge.PID != before.Edge.PID
	})
	old := filepath.Join("/proc", strconv.Itoa(before.Edge.PID), "exe")
	until(t, "the end of the old edge", 30*time.Second, func() bool {
		_, err := os.Readlink(old)
		return err != nil
	})
	if after := p.status(); after.Edge.Production != before.Edge.Production || after.Apps[0].Live != "orders-1" {
		t.Errorf("after the upgrade: %+v", after)
	}
	sent, failed, reasons := load.end()
	t.Logf("%d requests", sent)
	if failed > 0 {
		t.Errorf("%d failed: %v", failed, reasons)
	}
}
