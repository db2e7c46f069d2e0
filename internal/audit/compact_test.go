package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/davit-dev/davit/internal/audit"
)

// compactedJournal is a journal of which some entries were compacted, and what it
// was before.
type compactedJournal struct {
	dir    string
	log    *audit.Log
	leaves []string
	heads  []audit.Checkpoint
	gone   map[int64]bool
}

// compacted appends releases of ten entries each and compacts the cohorts of all
// but the last.
func compacted(t *testing.T, n int) *compactedJournal {
	t.Helper()
	j := &compactedJournal{dir: t.TempDir(), gone: map[int64]bool{}}
	j.log = open(t, j.dir)
	cohorts := make([][]int64, n)
	for r := range n {
		for i, kind := range []string{"submitted", "acting", "acted", "counted", "counted", "acting", "counted", "counted", "counted", "ended"} {
			e, err := j.log.Append(t.Context(), audit.Entry{
				App: "orders", Release: fmt.Sprintf("orders-%d", r), Kind: kind,
				Data: json.RawMessage(fmt.Sprintf(`{"i":%d,"filler":%q}`, i, strings.Repeat("x", 500))),
			})
			if err != nil {
				t.Fatal(err)
			}
			if kind == "counted" {
				cohorts[r] = append(cohorts[r], e.Index)
			}
		}
		j.heads = append(j.heads, head(t, j.log))
	}
	j.leaves = leaves(t, j.log)
	for r, indexes := range cohorts[:n-1] {
		forgotten, err := j.log.Compact(t.Context(), audit.Compaction{App: "orders", Release: fmt.Sprintf("orders-%d", r), Entries: indexes})
		if err != nil || forgotten != 5 {
			t.Fatalf("%d were forgotten: %v", forgotten, err)
		}
		for _, index := range indexes {
			j.gone[index] = true
		}
	}
	return j
}

// TestCompactionChangesNoHash compacts the evidence of fifty releases: every
// checkpoint of before still holds, every entry is still provable, the journal
// is opened and continued, and the file does not grow by what was freed.
func TestCompactionChangesNoHash(t *testing.T) {
	j := compacted(t, 51)
	r := verify(t, j.dir, j.heads)
	if !r.OK || r.Compacted != 250 || r.Size != 560 {
		t.Errorf("%+v", r)
	}
	shut(t, j.log)
	j.log = open(t, j.dir)
	add(t, j.log, 1)
	now := leaves(t, j.log)
	for i, leaf := range j.leaves {
		index, hash, gap := audit.DecodeCompacted([]byte(now[i]))
		switch {
		case gap != j.gone[int64(i)]:
			t.Fatalf("entry %d: compacted is %v", i, gap)
		case gap && (index != int64(i) || hash != tlog.RecordHash([]byte(leaf))):
			t.Errorf("entry %d has the hash %s of entry %d", i, hash, index)
		case !gap && now[i] != leaf:
			t.Errorf("entry %d is %q", i, now[i])
		}
	}
	signed := head(t, j.log)
	stream := strings.Join(now, "\n") + "\n"
	if r, err := audit.VerifyStream(t.Context(), strings.NewReader(stream), signed.Note, signed.Key, j.heads); err != nil || !r.OK || r.Compacted != 250 {
		t.Errorf("as a stream: %+v, %v", r, err)
	}
	seen := 0
	err := j.log.Entries(t.Context(), 0, func(e audit.Entry) error {
		if seen++; j.gone[e.Index] {
			return errors.New("a compacted entry was decoded")
		}
		return nil
	})
	if err != nil || seen != 561-250 {
		t.Errorf("%d entries: %v", seen, err)
	}
	if again, err := j.log.Compact(t.Context(), audit.Compaction{Entries: []int64{3, 4}}); again != 0 || err != nil || j.log.Size() != 561 {
		t.Errorf("compacted again: %d, %v", again, err)
	}
}

func TestCompactedEntriesStayProvable(t *testing.T) {
	j := compacted(t, 5)
	for index := range j.log.Size() {
		proof, err := j.log.Inclusion(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := proof.Check(j.log.PublicKey()); err != nil || e.Index != index || (e.Kind == "") != j.gone[index] {
			t.Errorf("entry %d: %+v, %v", index, e, err)
		}
		if !j.gone[index] {
			continue
		}
		proof.Leaf = j.leaves[index] // somebody kept it
		if e, err := proof.Check(j.log.PublicKey()); err != nil || e.Kind != "counted" {
			t.Errorf("the leaf of entry %d: %+v, %v", index, e, err)
		}
		proof.Leaf = strings.Replace(j.leaves[index], "counted", "country", 1)
		if _, err := proof.Check(j.log.PublicKey()); err == nil {
			t.Errorf("another leaf of entry %d was taken", index)
		}
	}
}

func TestCompactRefuses(t *testing.T) {
	j := compacted(t, 2)
	size := j.log.Size()
	for name, indexes := range map[string][]int64{
		"what says what was compacted": {size - 1},
		"what is not there":            {size},
		"what cannot be there":         {-1},
	} {
		if _, err := j.log.Compact(t.Context(), audit.Compaction{Entries: indexes}); err == nil {
			t.Errorf("%s was compacted", name)
		}
	}
	if j.log.Size() != size {
		t.Error("an entry speaks of a compaction that was refused")
	}
}

// TestReliability24AMissingLeafIsNoCompaction: who empties a row has to say so in
// the journal.
func TestReliability24AMissingLeafIsNoCompaction(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		bad   int64
		want  string
	}{
		"a row emptied":           {`UPDATE entry SET leaf = '' WHERE idx = 10`, 10, "no entry says that it was compacted"},
		"a hash of one":           {`UPDATE hash SET hash = zeroblob(32) WHERE idx = (SELECT 2*3 - 2)`, 3, "was changed"},
		"what says so, emptied":   {`UPDATE entry SET leaf = '' WHERE idx = 20`, 3, "no entry says that it was compacted"},
		"what says so, changed":   {`UPDATE entry SET leaf = replace(leaf, '[3,4]', '[2,4]') WHERE idx = 20`, 20, "was changed"},
		"a row deleted":           {`DELETE FROM entry WHERE idx = 3`, 3, "missing"},
		"another leaf in a place": {`UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 0) WHERE idx = 3`, 3, "says it is entry 0"},
	} {
		t.Run(name, func(t *testing.T) {
			j := compacted(t, 2)
			shut(t, j.log)
			raw(t, j.dir, c.query)
			if r := verify(t, j.dir, nil); r.OK || r.BadIndex != c.bad || !strings.Contains(r.Reason, c.want) {
				t.Errorf("%+v; want %d, %q", r, c.bad, c.want)
			}
		})
	}
	t.Run("in a stream", func(t *testing.T) {
		j := compacted(t, 2)
		all := leaves(t, j.log)
		signed := head(t, j.log)
		all[10] = fmt.Sprintf(`{"v":1,"index":10,"compacted":%q}`, tlog.RecordHash([]byte(all[10])))
		r, err := audit.VerifyStream(t.Context(), strings.NewReader(strings.Join(all, "\n")+"\n"), signed.Note, signed.Key, nil)
		if err != nil || r.OK || r.BadIndex != 10 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("read back", func(t *testing.T) {
		j := compacted(t, 2)
		shut(t, j.log)
		raw(t, j.dir, `UPDATE entry SET leaf = '' WHERE idx = 10`)
		log := open(t, j.dir)
		if err := log.Entries(t.Context(), 0, func(audit.Entry) error { return nil }); !errors.Is(err, audit.ErrDamaged) {
			t.Errorf("a replay goes on over it: %v", err)
		}
	})
}

// TestACompactionThatWasCutOffIsDoneAgain: the entry is there, the leaves are,
// too.
func TestACompactionThatWasCutOffIsDoneAgain(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	add(t, log, 5)
	if _, err := log.Append(t.Context(), audit.Entry{Kind: audit.KindCompacted, Data: json.RawMessage(`{"ranges":[[1,2]]}`)}); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, dir, nil); !r.OK || r.Compacted != 0 {
		t.Errorf("%+v", r)
	}
	if n, err := log.Compact(t.Context(), audit.Compaction{Entries: []int64{1, 2}}); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if r := verify(t, dir, nil); !r.OK || r.Compacted != 2 {
		t.Errorf("%+v", r)
	}
}

func TestASnapshotOfACompactedJournal(t *testing.T) {
	j := compacted(t, 5)
	dir := t.TempDir()
	if _, err := j.log.Snapshot(t.Context(), filepath.Join(dir, "control.db")); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(j.dir, "journal.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "journal.pub"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, dir, j.heads); !r.OK || r.Compacted != 20 {
		t.Errorf("%+v", r)
	}
}

// TestPowerCutWhileCompacting cuts the power at every operation of two compactions.
func TestPowerCutWhileCompacting(t *testing.T) {
	rng := seed(t)
	l := &life{platter: newPlatter(t), dir: t.TempDir()}
	log := l.open(t)
	for range 20 {
		if err := l.append(t, log, rng); err != nil {
			t.Fatal(err)
		}
	}
	began := len(l.platter.ops)
	for _, indexes := range [][]int64{{2, 3, 5}, {7, 8, 9, 10}} {
		if _, err := log.Compact(t.Context(), audit.Compaction{Entries: indexes}); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, log)
	s := newSurface()
	for i, o := range l.platter.ops {
		if i >= began {
			dir := t.TempDir()
			l.keys(t, dir)
			if err := s.cut(dir, rng); err != nil {
				t.Fatal(err)
			}
			again := open(t, dir)
			if again.Size() < 20 || again.Size() > 22 {
				t.Fatalf("operation %d: %d entries", i, again.Size())
			}
			add(t, again, 1)
			shut(t, again)
			if err := whole(t, dir, l.heads[19:], 21); err != nil {
				t.Fatalf("operation %d: %v", i, err)
			}
		}
		s.apply(o)
	}
}

func FuzzCompacted(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"v":1,"index":4,"compacted":%q}`, tlog.RecordHash(nil))))
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		index, hash, ok := audit.DecodeCompacted(data)
		if _, err := audit.DecodeLeaf(data); ok && err == nil {
			t.Error("it is a leaf as well")
		}
		if ok && !bytes.Equal(data, []byte(fmt.Sprintf(`{"v":1,"index":%d,"compacted":%q}`, index, hash))) {
			t.Errorf("%q was taken in another form", data)
		}
	})
}
