package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/davit-dev/davit/examples"
)

// ordersSettings make a release of the tour's service take some seconds.
const ordersSettings = `name: orders
run:
  env: {ORDERS_VERSION: %q, ORDERS_FAIL_SHARE: %q}
  drain: 3s
release: {steps: [10%%, 50%%], dwell: %s, bake: 3s, deadline: 2m}
`

func ordersSource(t *testing.T, version, failShare, dwell string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "orders")
	if err := examples.WriteOrders(dir); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "davit.yaml", fmt.Sprintf(ordersSettings, version, failShare, dwell))
	return dir
}

func TestAWorseVersionIsRolledBackAndBlocked(t *testing.T) {
	p := newPlatform(t)
	dir := ordersSource(t, "v1", "0", "1s")
	p.must(dir, "ship")
	startLoad(t, p.edge, "orders.localhost", "/orders/1", 200)
	write(t, dir, "davit.yaml", fmt.Sprintf(ordersSettings, "v2", "0.2", "1s"))
	if r := p.davit(dir, "ship"); r.code != 5 || !strings.Contains(r.stderr, "worse") {
		t.Fatalf("exit %d, want 5: %s%s", r.code, r.stdout, r.stderr)
	}
	if r := p.davit(dir, "ship"); r.code != 7 || !strings.Contains(r.stderr, "rolled back as orders-2") {
		t.Fatalf("exit %d, want 7 and the reason: %s%s", r.code, r.stdout, r.stderr)
	}
	p.must("", "unblock", "orders")
	if r := p.davit(dir, "ship"); r.code != 5 {
		t.Fatalf("after unblock: exit %d, want 5: %s%s", r.code, r.stdout, r.stderr)
	}
	if got := p.status().Apps[0].Live; got != "orders-1" {
		t.Errorf("live is %s", got)
	}
}

// TestReliability11CrashesDuringACanary kills control five times while a canary has traffic.
func TestReliability11CrashesDuringACanary(t *testing.T) {
	p := newPlatform(t)
	p.must(ordersSource(t, "v1", "0", "1s"), "ship")
	traffic := startLoad(t, p.edge, "orders.localhost", "/orders/1", 200)
	p.must(ordersSource(t, "v2", "0", "6s"), "ship", "--detach")
	until(t, "the canary", 30*time.Second, func() bool { return p.release("orders-2").Phase == "canary" })
	for range 5 {
		p.kill()
		time.Sleep(300 * time.Millisecond) // traffic goes on without control
		p.start()
		time.Sleep(700 * time.Millisecond)
	}
	until(t, "the end of the release", time.Minute, func() bool { return p.release("orders-2").Phase == "ended" })
	if got := p.release("orders-2"); got.Outcome != "live" {
		t.Errorf("it ended %+v", got)
	}
	if got := p.status().Edge; got.Starts != 0 {
		t.Errorf("the edge was started %d times by the last control", got.Starts)
	}
	sent, failed, reasons := traffic.end()
	t.Logf("%d requests, %d failed", sent, failed)
	if failed != 0 {
		t.Errorf("%d of %d requests failed: %v", failed, sent, reasons)
	}
	if out := p.must("", "audit", "verify"); !strings.Contains(out, "whole") {
		t.Errorf("audit verify: %s", out)
	}
}

// TestTheEdgeDies kills the data plane once during a canary: what is in flight
// may be lost, nothing else, and the release goes on.
func TestTheEdgeDies(t *testing.T) {
	p := newPlatform(t, "--edge-tls", "127.0.0.1:0", "--plain", "serve")
	p.must(ordersSource(t, "v1", "0", "1s"), "ship")
	const rate = 100
	client := p.tlsClient(p.ownRoots())
	until(t, "an answer in TLS", 20*time.Second, func() bool { return gives(client, secureURL) })
	traffic := map[string]*load{
		"plain": startLoad(t, p.edge, "orders.localhost", "/orders/1", rate),
		"TLS":   startLoadWith(t, client, "", "orders.localhost", secureURL, rate),
	}
	p.must(ordersSource(t, "v2", "0", "4s"), "ship", "--detach")
	until(t, "the canary", 30*time.Second, func() bool { return p.release("orders-2").Phase == "canary" })
	before := p.status().Edge
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "another edge", 10*time.Second, func() bool {
		now := p.status().Edge
		return now.PID != 0 && now.PID != before.PID
	})
	until(t, "the end of the release", time.Minute, func() bool { return p.release("orders-2").Phase == "ended" })
	if got := p.release("orders-2"); got.Outcome != "live" {
		t.Errorf("it ended %+v", got)
	}
	for by, load := range traffic {
		sent, failed, reasons := load.end()
		t.Logf("%s: %d requests, %d were in flight when the edge died", by, sent, failed)
		if failed > rate/10 {
			t.Errorf("%s: %d of %d requests failed, more than were in flight: %v", by, failed, sent, reasons)
		}
	}
}

func TestReliability24AuditNamesWhatWasChanged(t *testing.T) {
	p := newPlatform(t)
	dir := ordersSource(t, "v1", "0", "1s")
	p.must(dir, "ship", "--skip-tests")
	if out := p.must("", "audit", "verify"); !strings.Contains(out, "whole") {
		t.Fatalf("audit verify: %s", out)
	}
	p.must("", "down")
	if out := p.must("", "audit", "verify", p.data); !strings.Contains(out, "whole") {
		t.Fatalf("offline: %s", out)
	}

	t.Run("one byte of one entry", func(t *testing.T) {
		copied := copyJournal(t, p.data)
		alter(t, copied, `UPDATE entry SET leaf = replace(leaf, '"kind":"submitted"', '"kind":"submittee"')`)
		var entries []struct {
			Index int64
			Kind  string
		}
		p.start()
		if err := json.Unmarshal([]byte(p.must("", "audit", "list", "--json")), &entries); err != nil {
			t.Fatal(err)
		}
		p.must("", "down")
		submitted := int64(-1)
		for _, e := range entries {
			if e.Kind == "submitted" {
				submitted = e.Index
			}
		}
		r := p.davit("", "audit", "verify", "--json", copied)
		var report struct {
			OK       bool  `json:"ok"`
			BadIndex int64 `json:"bad_index"`
		}
		if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
			t.Fatal(err, r)
		}
		if r.code != 1 || report.OK || report.BadIndex != submitted {
			t.Errorf("exit %d, bad index %d, want %d: %s%s", r.code, report.BadIndex, submitted, r.stdout, r.stderr)
		}
	})
	t.Run("the tail is cut", func(t *testing.T) {
		copied := copyJournal(t, p.data)
		alter(t, copied, `DELETE FROM entry WHERE idx > (SELECT max(idx) - 3 FROM entry)`)
		r := p.davit("", "audit", "verify", copied)
		if r.code != 1 || !strings.Contains(r.stdout, "checkpoint") {
			t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
		}
	})
}

// copyJournal copies the journal of a data folder that nobody serves from.
func copyJournal(t *testing.T, data string) string {
	t.Helper()
	dir := t.TempDir()
	for _, pattern := range []string{"control.db*", "journal.*"} {
		files, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// alter changes a journal behind davit's back, and fails when it changes nothing.
func alter(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "control.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	changed, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := changed.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%d rows changed: %v", n, err)
	}
}
