package audit_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/davit-dev/davit/internal/audit"
)

// journal makes a journal of twelve entries and closes it. It returns its folder
// and the checkpoints that a client saw at 0, 5 and 12 entries.
func journal(t *testing.T) (string, []audit.Checkpoint) {
	t.Helper()
	dir := t.TempDir()
	log := open(t, dir)
	known := []audit.Checkpoint{head(t, log)}
	add(t, log, 5)
	known = append(known, head(t, log))
	add(t, log, 7)
	known = append(known, head(t, log))
	shut(t, log)
	return dir, known
}

func verify(t *testing.T, dir string, known []audit.Checkpoint) audit.Report {
	t.Helper()
	r, err := audit.VerifyFile(t.Context(), dir, known)
	if err != nil {
		t.Fatal(err)
	}
	if r.OK != (r.Reason == "") {
		t.Errorf("ok is %v, the reason %q", r.OK, r.Reason)
	}
	return r
}

func TestVerifyTakesAWholeJournal(t *testing.T) {
	dir, known := journal(t)
	for _, path := range []string{dir, filepath.Join(dir, "control.db")} {
		r, err := audit.VerifyFile(t.Context(), path, known)
		if err != nil || !r.OK || r.Size != 12 || r.Root != known[2].Root || r.BadIndex != -1 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	before, _ := os.ReadDir(dir)
	verify(t, dir, nil)
	if after, _ := os.ReadDir(dir); len(after) != len(before) {
		t.Errorf("verification left %v", after)
	}
}

// TestReliability24VerifyNamesTheFirstBadEntry changes one byte, or one row, at a time.
func TestReliability24VerifyNamesTheFirstBadEntry(t *testing.T) {
	for name, test := range map[string]struct {
		query string
		bad   int64
		want  string
	}{
		"a letter":            {`UPDATE entry SET leaf = replace(leaf, 'orders', 'orderz') WHERE idx = 4`, 4, "was changed"},
		"a digit of the time": {`UPDATE entry SET leaf = replace(leaf, '"time":"2', '"time":"1') WHERE idx = 4`, 4, "was changed"},
		"in the data":         {`UPDATE entry SET leaf = replace(leaf, '"step":4', '"step":5') WHERE idx = 4`, 4, "was changed"},
		"its form":            {`UPDATE entry SET leaf = leaf || ' ' WHERE idx = 4`, 4, "not in the form"},
		"its index inside":    {`UPDATE entry SET leaf = replace(leaf, '"index":4', '"index":5') WHERE idx = 4`, 4, "says it is entry 5"},
		"its version":         {`UPDATE entry SET leaf = replace(leaf, '"v":1', '"v":2') WHERE idx = 4`, 4, "newer davit"},
		"its place":           {`UPDATE entry SET idx = 400 WHERE idx = 4`, 4, "missing"},
		"a place before all":  {`UPDATE entry SET idx = -1 WHERE idx = 4`, -1, "missing"},
		"its leaf hash":       {`UPDATE hash SET hash = zeroblob(32) WHERE idx = 7`, 4, "stored hash"},
		"the hash's place":    {`UPDATE hash SET idx = 700 WHERE idx = 7`, 4, "stored hash"},
		"a hash above it":     {`UPDATE hash SET hash = zeroblob(32) WHERE idx = 9`, 5, "stored hash"},
		"swapped": {`UPDATE entry SET leaf = CASE idx WHEN 4 THEN (SELECT leaf FROM entry WHERE idx = 6)
			ELSE (SELECT leaf FROM entry WHERE idx = 4) END WHERE idx IN (4, 6)`, 4, "says it is entry 6"},
		"left out":        {`DELETE FROM entry WHERE idx = 4`, 4, "missing"},
		"added":           {`INSERT INTO entry SELECT 12, replace(leaf, '"index":11', '"index":12') FROM entry WHERE idx = 11`, 12, "was changed"},
		"a hash too few":  {`DELETE FROM hash WHERE idx = (SELECT max(idx) FROM hash)`, 11, "stored hash"},
		"a hash too many": {`INSERT INTO hash VALUES (1000, zeroblob(32))`, -1, "hashes stored"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, known := journal(t)
			raw(t, dir, test.query)
			r := verify(t, dir, known)
			if r.OK || r.BadIndex != test.bad || !strings.Contains(r.Reason, test.want) {
				t.Errorf("bad index %d, %q; want %d, %q", r.BadIndex, r.Reason, test.bad, test.want)
			}
		})
	}
}

func TestReliability24VerifyNamesTheContradictedCheckpoint(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, dir string, known []audit.Checkpoint)
		known  bool // whether a client's checkpoints are needed to see it
		size   int64
		want   string
	}{
		"the end cut off": {func(t *testing.T, dir string, _ []audit.Checkpoint) {
			t.Helper()
			raw(t, dir, `DELETE FROM entry WHERE idx >= 5`)
		}, false, 12, "cut off"},
		"the end cut off, an older checkpoint put back": {putBack, true, 12, "older copy"},
		"all signed again": {func(t *testing.T, dir string, _ []audit.Checkpoint) {
			t.Helper()
			forge(t, dir, 7)
		}, true, 12, "signed again"},
		"all signed again from before the first checkpoint": {forgeFrom2, true, 5, "signed again"},
		"begun anew with another key":                       {beginAnew, true, 5, "another key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, known := journal(t)
			test.change(t, dir, known)
			if r := verify(t, dir, nil); r.OK != test.known {
				t.Errorf("without kept checkpoints: %+v", r)
			}
			r := verify(t, dir, known[1:])
			if r.OK || r.Contradicted == nil || r.Contradicted.Size != test.size || !strings.Contains(r.Reason, test.want) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// forge rewrites a journal from an entry on as one who holds the key can: every
// hash is right and the signature is good.
func forge(t *testing.T, dir string, from int64) {
	t.Helper()
	log := open(t, dir)
	all := leaves(t, log)
	shut(t, log)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for i, leaf := range all {
		if int64(i) >= from {
			leaf = strings.Replace(leaf, "ann", "eve", 1)
			raw(t, dir, `UPDATE entry SET leaf = ? WHERE idx = ?`, leaf, i)
		}
		hashes, err := tlog.StoredHashes(int64(i), []byte(leaf), reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, hash := range hashes {
			raw(t, dir, `UPDATE hash SET hash = ? WHERE idx = ?`, hash[:], len(stored))
			stored = append(stored, hash)
		}
	}
	key, err := os.ReadFile(filepath.Join(dir, "journal.key"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	root, _ := tlog.TreeHash(int64(len(all)), reader)
	signed, err := note.Sign(&note.Note{Text: signer.Name() + "\n12\n" + root.String() + "\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	raw(t, dir, `UPDATE checkpoint SET note = ?`, string(signed))
}

func TestVerifySeesThatTheSignatureIsNotTheKeys(t *testing.T) {
	dir, known := journal(t)
	raw(t, dir, `UPDATE checkpoint SET note = replace(note, char(10) || '12' || char(10), char(10) || '11' || char(10))`)
	if r := verify(t, dir, known); r.OK || !strings.Contains(r.Reason, "signature") {
		t.Errorf("%+v", r)
	}
}

func TestVerifyADamagedFile(t *testing.T) {
	dir, known := journal(t)
	path := filepath.Join(dir, "control.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, []byte(`"index":4,`))
	for name, damage := range map[string][]byte{
		"a byte of entry 4": append(append(bytes.Clone(whole[:at]), '!'), whole[at+1:]...),
		"half a file":       whole[:len(whole)/2/4096*4096],
		"no database":       []byte(strings.Repeat("no database ", 1000)),
		"nothing":           nil,
	} {
		if err := os.WriteFile(path, damage, 0o600); err != nil {
			t.Fatal(err)
		}
		r := verify(t, dir, known)
		if r.OK || (name == "a byte of entry 4" && r.BadIndex != 4) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestCrashLosesNothing copies the files of a journal that was never closed, as
// a power cut would leave them.
func TestCrashLosesNothing(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	add(t, log, 40)
	known := []audit.Checkpoint{head(t, log)}
	crashed := copyDir(t, dir)
	if r := verify(t, crashed, known); !r.OK || r.Size != 40 {
		t.Errorf("%+v", r)
	}
	// The last transaction was being written: it is gone, those before are not.
	wal := filepath.Join(crashed, "control.db-wal")
	content, err := os.ReadFile(wal)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(wal, content[:len(content)-1000], 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, crashed)
	if again.Size() != 39 {
		t.Fatalf("%d entries came back", again.Size())
	}
	add(t, again, 1)
	if r := verify(t, crashed, nil); !r.OK || r.Size != 40 {
		t.Errorf("after it went on: %+v", r)
	}
}

// TestALogThatLostSyncedEntriesIsRefused: SQLite alone would forget them without
// a word.
func TestALogThatLostSyncedEntriesIsRefused(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	add(t, log, 40)
	whole, err := os.ReadFile(filepath.Join(dir, "control.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	page := int(binary.BigEndian.Uint32(whole[8:]))
	frames := (len(whole) - 32) / (24 + page)
	for name, at := range map[string]int{
		"header":           17,
		"page size":        9,
		"first frame":      40,
		"frame's checksum": 32 + frames/2*(24+page) + 20,
		"middle":           32 + frames/2*(24+page) + 100,
	} {
		t.Run(name, func(t *testing.T) {
			damaged := copyDir(t, dir)
			broken := bytes.Clone(whole)
			broken[at] ^= 0x40
			if err := os.WriteFile(filepath.Join(damaged, "control.db-wal"), broken, 0o600); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, damaged, nil); r.OK {
				t.Errorf("%+v", r)
			}
			if _, err := audit.Open(t.Context(), damaged, audit.Options{}); err == nil || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("opened: %v", err)
			}
		})
	}
}

func TestVerifyWhileItIsWritten(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	add(t, log, 1)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := log.Append(t.Context(), audit.Entry{Kind: "k"}); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for range 5 {
		seen := head(t, log)
		if r := verify(t, dir, []audit.Checkpoint{seen}); !r.OK || r.Size < seen.Size {
			t.Errorf("%+v, after %v was seen", r, seen)
		}
	}
	close(stop)
	<-stopped
}

// TestATornCopyIsCopiedAgain: between the copies of its two files, the journal
// moves everything into the one and begins the other anew.
func TestATornCopyIsCopiedAgain(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	add(t, log, 200)
	seen := head(t, log)
	tries := 0
	r, err := audit.VerifyCopied(t.Context(), dir, []audit.Checkpoint{seen}, func(to, from string) error {
		if strings.HasSuffix(from, "-wal") {
			if tries++; tries < 3 {
				if err := log.MoveWAL(t.Context()); err != nil {
					t.Error(err)
				}
				add(t, log, 5)
			}
		}
		return audit.CopyFile(to, from)
	})
	if err != nil || !r.OK || r.Size != 210 || tries < 2 {
		t.Errorf("after %d tries: %+v, %v", tries, r, err)
	}
}

func TestVerifyStream(t *testing.T) {
	dir, known := journal(t)
	log := open(t, dir)
	lines := strings.Join(leaves(t, log), "\n") + "\n"
	upTo := func(n int) string { return strings.Join(strings.SplitAfter(lines, "\n")[:n], "") }
	signed, key := known[2].Note, known[2].Key
	for name, test := range map[string]struct {
		lines, note string
		known       []audit.Checkpoint
		bad         int64
		want        string // "": it is whole
	}{
		"whole":             {lines, signed, known, -1, ""},
		"more than signed":  {lines, known[1].Note, known[:2], -1, ""},
		"a letter":          {strings.Replace(lines, "ann", "bob", 1), signed, known, -1, "not those of a checkpoint"},
		"a letter, unkept":  {strings.Replace(lines, "ann", "bob", 1), signed, nil, -1, "own checkpoint"},
		"an index":          {strings.Replace(lines, `"index":4`, `"index":5`, 1), signed, known, 4, "says it is entry 5"},
		"no entry":          {strings.Replace(lines, `"index":4`, `"index:4`, 1), signed, known, 4, "decode"},
		"cut":               {upTo(6) + `{"index":`, signed, known, 6, "decode"},
		"cut between lines": {upTo(5), signed, known, -1, "cut off"},
		"older":             {lines, known[1].Note, known, -1, "older copy"},
		"bad note":          {lines, strings.Replace(signed, "\n12\n", "\n13\n", 1), known, -1, "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := audit.VerifyStream(t.Context(), strings.NewReader(test.lines), test.note, key, test.known)
			if err != nil || r.OK != (test.want == "") || r.BadIndex != test.bad || !strings.Contains(r.Reason, test.want) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestVerifyNeedsAKey(t *testing.T) {
	dir, known := journal(t)
	if err := os.Remove(filepath.Join(dir, "journal.pub")); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.VerifyFile(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), "journal.pub") {
		t.Errorf("error %v", err)
	}
	if r := verify(t, dir, known); !r.OK {
		t.Errorf("%+v", r)
	}
	if _, err := audit.VerifyFile(t.Context(), filepath.Join(dir, "none"), known); err == nil {
		t.Error("verified what is not there")
	}
}
