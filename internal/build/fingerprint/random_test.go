package fingerprint_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build/fingerprint"
)

var (
	rounds = flag.Int("rounds", 60, "rounds of the random comparison with go build")
	seed   = flag.Uint64("seed", 0, "seed of the random comparison; 0 takes the time")
)

// walk is a random way through trees, beside what was built last.
type walk struct {
	*world
	r      *rand.Rand
	edits  []edit
	known  fingerprint.Record
	want   string   // what was built when known was made
	flags  string   // of then
	since  []string // edits since then
	inert  bool     // all of them were
	counts map[string]int
}

// TestAgainstGoBuild edits a tree at random, and compares what the fingerprint
// says with what go build makes: what is fresh must be the same bytes, and what
// nobody changed must be fresh.
func TestAgainstGoBuild(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	w := &walk{world: newWorld(t), r: rand.New(rand.NewPCG(*seed, 1)), edits: edits(), counts: map[string]int{}}
	w.build0()
	for range *rounds {
		w.round()
		if t.Failed() {
			return
		}
	}
	t.Log(w.counts)
}

// build0 makes the record of a tree that builds.
func (w *walk) build0() {
	w.named = w.r.IntN(2) == 0
	w.known = w.record()
	w.remember(w.build())
	if w.want == "" {
		w.t.Fatal("the tree does not build")
	}
}

func (w *walk) remember(built string) {
	w.want, w.since, w.inert = built, nil, true
	w.flags = fmtFlags(w.world)
}

func (w *walk) round() {
	for range 1 + w.r.IntN(2) {
		e := w.edits[w.r.IntN(len(w.edits))]
		if w.r.IntN(4) == 0 { // a change that matters is more frequent than one that does not
			e = w.edits[w.r.IntN(len(inertEdits()))]
		}
		e.do(w.world, w.r)
		w.since, w.inert = append(w.since, e.name), w.inert && e.inert
	}
	if fmtFlags(w.world) != w.flags { // another record would be looked at
		w.renewed(w.build())
		return
	}
	fresh, why := w.known.Fresh(os.Environ())
	got := w.build()
	switch {
	case fresh && got != w.want:
		w.t.Errorf("after %q the record is fresh, and go build makes something else (%d bytes)", w.since, len(got))
	case w.inert && !fresh:
		w.t.Errorf("after %q nothing has changed, and yet: %s", w.since, why)
	case fresh:
		w.counts["fresh"]++
	default:
		w.renewed(got)
	}
}

// renewed goes on from a tree that was built, or did not build.
func (w *walk) renewed(got string) {
	if got == "" {
		w.counts["broken"]++
		if w.r.IntN(3) > 0 { // enough of this tree
			w.t.Setenv("PATH", firstPath)
			for _, name := range []string{"GOFLAGS", "GOAMD64"} {
				w.must(os.Unsetenv(name))
			}
			w.world, w.edits = newWorld(w.t), edits()
			w.build0()
		}
		return
	}
	w.counts["other"]++
	w.settle()
	request := w.request()
	request.Since = time.Now()
	begun, err := fingerprint.Begin(w.t.Context(), request)
	w.must(err)
	next := w.seal(begun)
	if renewed, ok := w.known.Renew(w.t.Context(), request); ok {
		w.counts["renewed"]++
		if a, b := text(w.t, next), text(w.t, w.seal(renewed)); a != b {
			w.t.Errorf("after %q the record was renewed to\n%s\nand go list says\n%s", w.since, b, a)
		}
	}
	w.known = next
	w.remember(got)
}
