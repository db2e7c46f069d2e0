package audit_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/davit-dev/davit/internal/audit"
)

// open opens the journal in dir and closes it at the end of the test.
func open(t *testing.T, dir string) *audit.Log {
	t.Helper()
	log, err := audit.Open(t.Context(), dir, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() }) // tests that close it earlier look at the error
	return log
}

func shut(t *testing.T, log *audit.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, log *audit.Log, n int) {
	t.Helper()
	for range n {
		_, err := log.Append(t.Context(), audit.Entry{
			App: "orders", Release: "r1", Kind: "acting", Actor: "ann",
			Data: json.RawMessage(fmt.Sprintf(`{"step":%d,"note":"a <b> & c"}`, log.Size())),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func head(t *testing.T, log *audit.Log) audit.Checkpoint {
	t.Helper()
	h, err := log.Head(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := audit.ParseCheckpoint(h.Note, h.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func leaves(t *testing.T, log *audit.Log) []string {
	t.Helper()
	var all []string
	err := log.Leaves(t.Context(), 0, func(leaf []byte) error {
		all = append(all, string(leaf))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// raw changes the database behind davit's back.
func raw(t *testing.T, dir, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "control.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	result, err := db.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if n, _ := result.RowsAffected(); n == 0 && !strings.HasPrefix(query, "PRAGMA") && !strings.HasPrefix(query, "CREATE") {
		t.Fatalf("%s: changed nothing", query)
	}
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestEntriesComeBackAsTheyWereAppended(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("east", 3600))
	log, err := audit.Open(t.Context(), dir, audit.Options{Clock: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	want, err := log.Append(t.Context(), audit.Entry{Kind: "serving", Actor: "davit", Data: json.RawMessage(`{"b": 1, "a": 1.50}`)})
	if err != nil {
		t.Fatal(err)
	}
	if want.Index != 0 || !want.Time.Equal(at) || string(want.Data) != `{"b":1,"a":1.50}` {
		t.Errorf("returned %+v", want)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	log = open(t, dir)
	const leaf = `{"v":1,"index":0,"time":"2026-01-02T02:04:05.000000006Z","app":"","release":"","kind":"serving","actor":"davit","data":{"b":1,"a":1.50}}`
	if got := leaves(t, log); len(got) != 1 || got[0] != leaf {
		t.Errorf("leaves %q, want %q", got, leaf)
	}
	add(t, log, 100)
	seen := int64(40)
	err = log.Entries(t.Context(), seen, func(e audit.Entry) error {
		if e.Index != seen {
			return fmt.Errorf("entry %d, want %d", e.Index, seen)
		}
		seen++
		return nil
	})
	if err != nil || seen != 101 || log.Size() != 101 {
		t.Errorf("saw entries to %d of %d: %v", seen, log.Size(), err)
	}
}

func TestAppendRefuses(t *testing.T) {
	log := open(t, t.TempDir())
	for name, e := range map[string]audit.Entry{
		"kind":   {},
		"data":   {Kind: "k", Data: json.RawMessage(`{`)},
		"actor":  {Kind: "k", Actor: strings.Repeat("x", 257)},
		"app":    {Kind: "k", App: "\xff"},
		"large":  {Kind: "k", Data: json.RawMessage(`"` + strings.Repeat("x", 8<<20) + `"`)},
		"decode": {Kind: "k", Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := log.Append(t.Context(), e); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Append(ended, audit.Entry{Kind: "k"}); err == nil {
		t.Error("appended after the end of its context")
	}
	if log.Size() != 0 {
		t.Errorf("%d entries were written", log.Size())
	}
}

func TestConcurrentAppendsAreAllThereOnce(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	const writers, each = 8, 20
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				e, err := log.Append(t.Context(), audit.Entry{Kind: "k", Actor: fmt.Sprintf("%d-%d", w, i)})
				if err != nil {
					t.Error(err)
				}
				if h, err := log.Head(t.Context(), e.Index); err != nil || h.Note == "" {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]int64{}
	err := log.Entries(t.Context(), 0, func(e audit.Entry) error {
		seen[e.Actor] = e.Index
		return nil
	})
	if err != nil || len(seen) != writers*each || log.Size() != writers*each {
		t.Fatalf("%d different entries of %d: %v", len(seen), log.Size(), err)
	}
	for w := range writers {
		for i := 1; i < each; i++ {
			if seen[fmt.Sprintf("%d-%d", w, i)] < seen[fmt.Sprintf("%d-%d", w, i-1)] {
				t.Errorf("entries of writer %d are out of order", w)
			}
		}
	}
	if r, err := audit.VerifyFile(t.Context(), dir, nil); err != nil || !r.OK || r.Size != writers*each {
		t.Errorf("verify: %+v, %v", r, err)
	}
}

func TestAppendFromWithinEntries(t *testing.T) {
	log := open(t, t.TempDir())
	add(t, log, 3)
	var kinds []string
	err := log.Entries(t.Context(), 0, func(e audit.Entry) error {
		kinds = append(kinds, e.Kind)
		if len(kinds) > 3 {
			return nil
		}
		_, err := log.Append(t.Context(), audit.Entry{Kind: "echo"})
		return err
	})
	if err != nil || strings.Join(kinds, " ") != "acting acting acting echo echo echo" {
		t.Errorf("%v, %v", kinds, err)
	}
}

func TestTreeIsTheOneOfTlog(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for n := range int64(70) {
		if want, _ := tlog.TreeHash(n, reader); head(t, log).Root != want || head(t, log).Size != n {
			t.Fatalf("checkpoint of %d entries: %v, want %v", n, head(t, log), want)
		}
		add(t, log, 1)
		hashes, err := tlog.StoredHashes(n, []byte(leaves(t, log)[n]), reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		if n == 36 { // the edge is read back from the file
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
			log = open(t, dir)
		}
	}
}

func TestHeadAndInclusionProve(t *testing.T) {
	log := open(t, t.TempDir())
	sizes := []int64{1, 2, 3, 7, 8, 21}
	var old []audit.Checkpoint
	for _, size := range sizes {
		add(t, log, int(size-log.Size()))
		old = append(old, head(t, log))
	}
	now := head(t, log)
	for _, c := range old {
		h, err := log.Head(t.Context(), c.Size)
		if err != nil {
			t.Fatal(err)
		}
		var proof tlog.TreeProof
		for _, text := range h.Proof {
			hash, err := tlog.ParseHash(text)
			if err != nil {
				t.Fatal(err)
			}
			proof = append(proof, hash)
		}
		if err := tlog.CheckTree(proof, now.Size, now.Root, c.Size, c.Root); err != nil {
			t.Errorf("from %d: %v", c.Size, err)
		}
	}
	for index := range log.Size() {
		proof, err := log.Inclusion(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := proof.Check(log.PublicKey()); err != nil || e.Index != index {
			t.Errorf("entry %d: %+v, %v", index, e, err)
		}
		proof.Leaf = strings.Replace(proof.Leaf, "ann", "bob", 1)
		if _, err := proof.Check(log.PublicKey()); err == nil {
			t.Errorf("entry %d: a proof for another actor was taken", index)
		}
	}
	if _, err := log.Inclusion(t.Context(), log.Size()); err == nil {
		t.Error("proved an entry that is not there")
	}
}
