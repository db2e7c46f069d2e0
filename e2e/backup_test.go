package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBackupRestore takes a backup in the middle of a canary under traffic, loses
// the machine, and has the live version answer again from the file alone.
func TestBackupRestore(t *testing.T) {
	p := newPlatform(t)
	p.must(ordersSource(t, "v1", "0", "1s"), "ship")
	traffic := startLoad(t, p.edge, "orders.localhost", "/orders/1", 100)
	p.must(ordersSource(t, "v2", "0", "20s"), "ship", "--detach")
	until(t, "the canary", 30*time.Second, func() bool { return p.release("orders-2").Phase == "canary" })
	file := filepath.Join(p.home, "backup.tar.gz")
	p.must("", "backup", "-o", file)
	if sent, failed, reasons := traffic.end(); failed != 0 {
		t.Errorf("%d of %d requests failed while the backup was made: %v", failed, sent, reasons)
	}
	p.must("", "down")
	if err := os.RemoveAll(p.data); err != nil {
		t.Fatal(err)
	}
	p.must("", "restore", "--verify", file)
	p.must("", "restore", file)
	p.start()
	until(t, "an answer of the restored app", 30*time.Second, func() bool { return served(t, p.edge) })
	until(t, "the end of the canary", 30*time.Second, func() bool { return p.release("orders-2").Phase == "ended" })
	if got := p.release("orders-2"); got.Outcome != "rolled_back" || !strings.Contains(got.Reason, "instance") {
		t.Errorf("the canary without an instance ended %+v", got)
	}
	if got := p.status().Apps[0].Live; got != "orders-1" {
		t.Errorf("live is %s", got)
	}
	if out := p.must("", "audit", "verify"); !strings.Contains(out, "whole") {
		t.Errorf("audit verify: %s", out)
	}
	p.must("", "registry", "scrub")
	p.must(ordersSource(t, "v3", "0", "1s"), "ship", "--detach") // the keys are there, too
}

func served(t *testing.T, edge string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+edge+"/orders/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "orders.localhost"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
