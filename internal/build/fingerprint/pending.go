package fingerprint

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"time"
)

// Request says what is built, and how.
type Request struct {
	Dir      string   // folder of the module, absolute
	Packages []string // main packages: import paths or ./folders
	Flags    []string // of go build, without -o; each with its value after "="
	Env      []string // of the go command, complete
	Files    []string // further files that count, there or not; absolute or below Dir
	Folders  []string // further folders of which everything counts; absolute or below Dir
	// WholeModule says that the main packages were looked for: another one
	// anywhere in the module makes a difference.
	WholeModule bool
	// Since is a time before anything was read that decides about the build: the
	// environment, the module or its packages, by whomsoever. What changes later
	// makes the record void. The zero value is the time of the call, which has to
	// come before the go command is started then.
	Since time.Time
}

// Pending is what a build reads that has not ended.
type Pending struct {
	record Record
	since  time.Time
}

// tick is how much older than it is a change may seem: the kernel stamps files
// with the time of its last timer interrupt, which come 100 times a second at
// least.
const tick = 10 * time.Millisecond

// Begin reads all that a build depends on. It may run at the same time as the go
// command: what is changed meanwhile shows when it is sealed.
func Begin(ctx context.Context, r Request) (*Pending, error) {
	p := r.pending()
	if p.record.outside = r.outside(); p.record.outside != "" {
		return p, nil
	}
	in := newInputs(r)
	if err := in.collect(ctx, p.record.goPath); err != nil {
		return nil, err
	}
	if p.record.outside = in.outside; p.record.outside != "" {
		return p, nil
	}
	p.record.states = in.sorted()
	err := p.lookAll(func(s *state) error { return s.look() })
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (r Request) pending() *Pending {
	since := r.Since
	if since.IsZero() {
		since = time.Now()
	}
	environ := os.Environ()
	return &Pending{
		record: Record{whole: true, dir: r.Dir, asked: r.sum(), ambient: ambient(environ), goPath: goCommand(environ)},
		since:  since.Add(-tick),
	}
}

// sum tells requests apart.
func (r Request) sum() string {
	h := sha256.New()
	env := slices.DeleteFunc(slices.Clone(r.Env), func(pair string) bool { return !matters(variableName(pair)) })
	fmt.Fprintf(h, "%q %q %q %q %q %q %v", r.Dir, r.Packages, r.Flags, env, r.Files, r.Folders, r.WholeModule)
	return short(h)
}

// lookAll does something with all states, and returns the first error.
func (p *Pending) lookAll(look func(*state) error) error {
	all := p.record.states
	errs := make([]error, len(all))
	i := firstNot(len(all), func(i int) bool {
		errs[i] = look(&all[i])
		return errs[i] == nil
	})
	if i >= 0 {
		return fmt.Errorf("read what the build depends on: %w", errs[i])
	}
	return nil
}

// Seal returns the record, after the build ended well. It is false when anything
// was touched since the build began: nobody knows then what was built.
func (p *Pending) Seal() (Record, bool) {
	all := p.record.states
	if firstNot(len(all), func(i int) bool { return all[i].untouched(p.since) }) >= 0 {
		return Record{}, false
	}
	for i := range all {
		all[i].settle(p.since)
	}
	return p.record, true
}
