// Package fingerprint says, without starting a process, whether the go command
// would build the same programs again: it remembers what a build read, and looks
// whether all of that is as it was.
//
// Its invariant: it may want a build that would give the same bytes, and never
// takes for the same what would not be. Where it cannot know — programs with cgo
// read headers that nobody lists, a go command that is a script may run any other
// — nothing is ever the same. The package imports nothing of davit but what runs
// the go command.
package fingerprint

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Record is what a build depended on. As JSON it can be kept; what is read back
// damaged is not fresh.
type Record struct {
	Version int      `json:"version"`
	Ambient string   `json:"ambient"` // the variables that matter
	Go      string   `json:"go"`      // the go command on PATH
	States  states   `json:"states"`
	Outside []string `json:"outside,omitempty"` // why it cannot be told; empty: it can
}

const recordVersion = 1

// Fresh says whether the go command would build the same again in an environment,
// and otherwise the first thing found that is different. It starts no process.
func (r Record) Fresh(environ []string) (fresh bool, why string) {
	switch {
	case r.Version != recordVersion || len(r.States) == 0:
		return false, "nothing is known of the last build"
	case len(r.Outside) > 0:
		return false, r.Outside[0]
	case r.Ambient != ambient(environ):
		return false, "the environment is another"
	case r.Go != goCommand(environ):
		return false, "the go command on PATH is another"
	}
	return compare(r.States, state.same)
}

// compare looks at all states, on all cores.
func compare(all states, good func(state) bool) (fresh bool, why string) {
	var (
		workers sync.WaitGroup
		next    atomic.Int64
		first   atomic.Pointer[state]
	)
	const batch = 64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for first.Load() == nil {
				begin := int(next.Add(batch)) - batch
				if begin >= len(all) {
					return
				}
				for _, s := range all[begin:min(begin+batch, len(all))] {
					if !good(s) {
						first.CompareAndSwap(nil, &s)
						return
					}
				}
			}
		})
	}
	workers.Wait()
	if changed := first.Load(); changed != nil {
		return false, changed.difference()
	}
	return true, ""
}

func (s state) difference() string {
	switch {
	case s.kind == absence:
		return s.path + " was not there"
	case gone(s.path) == nil:
		return s.path + " is gone"
	case s.kind == names:
		return "other files are in " + s.path
	}
	return s.path + " has changed"
}

// ambient is the part of an environment that decides what the go command does.
func ambient(environ []string) string {
	var kept []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if matters(name) {
			kept = append(kept, pair)
		}
	}
	slices.Sort(kept)
	return fmt.Sprintf("%q", kept)
}

// matters says whether a variable may change what is built, or where the go
// command finds what it builds with.
func matters(name string) bool {
	if strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") || strings.HasPrefix(name, "XDG_CONFIG") {
		return true
	}
	return slices.Contains([]string{"PATH", "HOME", "CC", "CXX", "AR", "FC", "GCCGO", "PKG_CONFIG"}, name)
}

// goCommand finds the go command as exec.LookPath would: the first on PATH that
// is a file.
func goCommand(environ []string) string {
	for _, pair := range environ {
		if list, found := strings.CutPrefix(pair, "PATH="); found {
			for dir := range strings.SplitSeq(list, ":") {
				path := dir + "/go"
				if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
					return path
				}
			}
		}
	}
	return ""
}
