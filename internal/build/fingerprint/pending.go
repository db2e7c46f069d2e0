package fingerprint

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Request says what is built, and how.
type Request struct {
	Dir      string   // folder of the module
	Packages []string // import paths of the main packages
	Flags    []string // of go build
	Env      []string // of the go command, complete
	// WholeModule says that the main packages were looked for: another one
	// anywhere in the module makes a difference.
	WholeModule bool
}

// Pending is what a build reads that has not ended.
type Pending struct {
	record Record
	began  time.Time
}

// tick is how coarse the clock of a file system may be: that of the kernel's
// timer interrupt, at its slowest.
const tick = 20 * time.Millisecond

// Begin reads all that a build depends on. It may run at the same time as the go
// command: what is changed meanwhile shows when it is sealed.
func Begin(ctx context.Context, r Request) (*Pending, error) {
	began := time.Now().Add(-tick)
	environ := os.Environ()
	record := Record{Version: recordVersion, Ambient: ambient(environ), Go: goCommand(environ)}
	in := &inputs{request: r, modcache: variable(r.Env, "GOMODCACHE"), seen: map[string]bool{}}
	if variable(r.Env, "CGO_ENABLED") != "0" {
		record.Outside = []string{"programs with cgo depend on the C compiler and its headers"}
		record.States = states{{path: r.Dir, kind: names}}
		return &Pending{record, began}, nil
	}
	if err := in.collect(ctx, record.Go); err != nil {
		return nil, err
	}
	record.States, record.Outside = unique(in.states), in.outside
	return &Pending{record, began}, nil
}

// Seal returns the record, after the build ended well. It is false when anything
// was touched since the build began: nobody knows then what was built.
func (p *Pending) Seal() (Record, bool) {
	if len(p.record.Outside) > 0 {
		return p.record, true
	}
	same, _ := compare(p.record.States, func(s state) bool { return s.untouched(p.began) })
	return p.record, same
}

// variable returns the value of a variable, of several the last.
func variable(env []string, name string) string {
	value := ""
	for _, pair := range env {
		if v, found := strings.CutPrefix(pair, name+"="); found {
			value = v
		}
	}
	return value
}

// within says whether a path lies below a folder.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel) && folder != ""
}
