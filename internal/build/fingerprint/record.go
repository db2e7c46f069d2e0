// Package fingerprint says, without starting a process, whether the go command
// would build the same programs again: it remembers what a build read, and looks
// whether all of that is as it was.
//
// Its invariant: it may want a build that would give the same bytes, and never
// takes for the same what would not be. Where it cannot know — cgo reads headers
// that nobody lists, a script in place of the go command may run any other —
// nothing is ever the same. The package imports nothing of davit.
package fingerprint

import (
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// Record is what a build depended on. It is kept as text, and so in JSON as a
// string; what is read back damaged, or was written by another davit, is never
// fresh, as is the zero value.
type Record struct {
	whole   bool     // it was not damaged
	dir     string   // folder of the module
	asked   string   // sum of the request
	ambient []string // the variables that matter: "NAME=sum"
	goPath  string   // the go command on PATH
	outside string   // why it can never be told; "" when it can
	states  []state
}

// Fresh says whether the go command would build the same again in an environment
// such as that of os.Environ, and otherwise the first thing found that is
// different. It starts no process.
func (r Record) Fresh(environ []string) (fresh bool, why string) {
	if why = r.elsewhere(environ); why != "" {
		return false, why
	}
	if i := firstNot(len(r.states), func(i int) bool { return r.states[i].same() }); i >= 0 {
		return false, r.difference(r.states[i])
	}
	return true, ""
}

// elsewhere says what is different without looking at the files, "" for nothing.
func (r Record) elsewhere(environ []string) string {
	switch {
	case !r.whole:
		return "nothing is known of the last build"
	case r.outside != "":
		return r.outside
	case len(r.states) == 0:
		return "nothing is known of the last build"
	case r.goPath != goCommand(environ):
		return "the go command on PATH is another"
	}
	if name := differing(r.ambient, ambient(environ)); name != "" {
		return "the environment variable " + name + " changed"
	}
	return ""
}

// firstNot returns the first of n indexes for which something does not hold, -1
// when it holds for all. It asks on all cores, for two at a time at least: most
// of the answer is waiting for the file system.
func firstNot(n int, holds func(i int) bool) int {
	const batch = 16
	var (
		workers sync.WaitGroup
		next    atomic.Int64
		first   atomic.Int64
	)
	first.Store(int64(n))
	work := func() {
		for begin := int(next.Add(batch)) - batch; begin < n; begin = int(next.Add(batch)) - batch {
			for i := begin; i < min(begin+batch, int(first.Load())); i++ {
				if !holds(i) {
					lower(&first, int64(i))
				}
			}
		}
	}
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(work)
	}
	workers.Wait()
	if i := int(first.Load()); i < n {
		return i
	}
	return -1
}

// lower sets a number to another that is less.
func lower(n *atomic.Int64, to int64) {
	for old := n.Load(); to < old; old = n.Load() {
		if n.CompareAndSwap(old, to) {
			return
		}
	}
}

// difference says what became of a state that is not the same any more.
func (r Record) difference(s state) string {
	name := s.path
	if rel, err := filepath.Rel(r.dir, s.path); err == nil && !strings.HasPrefix(rel, "..") {
		name = rel
	}
	now, err := typeOf(s.path)
	switch {
	case err != nil:
		return name + " cannot be looked at"
	case now == "":
		return name + " is gone"
	case s.kind == present && s.sum == "":
		return name + " appeared"
	case s.isFolder():
		return "other files are in " + name
	}
	return name + " changed"
}
