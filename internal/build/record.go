package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/davit-dev/davit/internal/build/fingerprint"
	"github.com/davit-dev/davit/internal/source"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// record is what is kept of a build that went well, so that the next one can
// tell, without starting a process, that it would come to the same.
type record struct {
	Version  int                `json:"version"`
	Mains    []source.Main      `json:"mains"` // all of the module
	Programs []program          `json:"programs"`
	Inputs   fingerprint.Record `json:"inputs"`
}

// recordVersion changes with anything that a record of an older davit would say
// wrongly.
const recordVersion = 1

// recordPath names the record of the main packages that are asked for.
func (at place) recordPath(wanted []string) string {
	sum := sha256.New()
	for _, main := range wanted {
		_, _ = sum.Write([]byte(main + "\x00")) // a hash does not fail
	}
	return filepath.Join(at.dir, "record-"+hex.EncodeToString(sum.Sum(nil)[:8]))
}

func (at place) record(wanted []string) (record, error) {
	var r record
	data, err := os.ReadFile(at.recordPath(wanted))
	if err != nil {
		return r, errors.New("it is the first build")
	}
	if err := json.Unmarshal(data, &r); err != nil || r.Version != recordVersion || len(r.Programs) == 0 {
		return record{}, errors.New("the record of the last build cannot be read")
	}
	return r, nil
}

// lastMains returns the main packages that the module had when it was built the
// last time, none when it was not.
func (at place) lastMains(wanted []string) []source.Main {
	r, err := at.record(wanted)
	if err != nil {
		return nil
	}
	return r.Mains
}

// recall returns the programs of the last build when it would come to the same
// again. why says what is different otherwise.
func (at place) recall(wanted []string) (programs []program, why string) {
	r, err := at.record(wanted)
	if err != nil {
		return nil, err.Error()
	}
	for _, p := range r.Programs {
		if !p.untouched() {
			return nil, p.Path + " is not what was built"
		}
	}
	if fresh, why := r.Inputs.Fresh(os.Environ()); !fresh {
		return nil, why
	}
	return r.Programs, ""
}

// watcher reads what a build depends on while go build runs.
type watcher struct {
	path  string
	mains []source.Main
	ended chan struct{}
	stop  context.CancelFunc
	found *fingerprint.Pending // set before ended is closed; nil when it cannot be told
}

// watch begins to read what the programs are made of. The old record goes: until
// a new one is there nobody knows what the programs are.
func (b *Builder) watch(ctx context.Context, at place, tree source.Tree, ask request, env []string, since time.Time) *watcher {
	ctx, stop := context.WithCancel(ctx)
	w := &watcher{path: at.recordPath(ask.wanted), mains: tree.Mains, ended: make(chan struct{}), stop: stop}
	inputs := b.inputs(tree, ask, env, since)
	last, lastErr := at.record(ask.wanted)
	_ = os.Remove(w.path) // what cannot be removed cannot be written anew, and is not true of the new inputs
	if w.found = ask.renewed[at.dir]; w.found != nil {
		close(w.ended)
		return w
	}
	go func() { // abandon and keep wait for it
		defer close(w.ended)
		if lastErr == nil {
			if found, still := last.Inputs.Renew(ctx, inputs); still {
				w.found = found
				return
			}
		}
		if found, err := fingerprint.Begin(ctx, inputs); err == nil {
			w.found = found
		}
	}()
	return w
}

// inputs is the question what the programs are made of.
func (b *Builder) inputs(tree source.Tree, ask request, env []string, since time.Time) fingerprint.Request {
	inputs := fingerprint.Request{Dir: tree.Dir, Flags: b.arguments(), Env: env, WholeModule: ask.lookedUp(), Since: since}
	for _, main := range ask.mains {
		inputs.Packages = append(inputs.Packages, main.Package)
	}
	return inputs
}

// renew looks, without starting a process, whether the module still has the
// packages that it had when it was built the last time: then it returns, by the
// folders of the places, what the programs are made of now.
func (b *Builder) renew(ctx context.Context, places []place, last source.Tree, ask request) (map[string]*fingerprint.Pending, bool) {
	since := time.Now()
	all := map[string]*fingerprint.Pending{}
	for _, at := range places {
		r, err := at.record(ask.wanted)
		if err != nil {
			return nil, false
		}
		env, err := b.goEnv(at)
		if err != nil {
			return nil, false
		}
		found, still := r.Inputs.Renew(ctx, b.inputs(last, ask, env, since))
		if !still {
			return nil, false
		}
		all[at.dir] = found
	}
	return all, true
}

// abandon ends the watcher of a build that failed.
func (w *watcher) abandon() {
	w.stop()
	<-w.ended
}

// keep writes the record. Without one the next build runs the go command, which
// is slower and no less right.
func (w *watcher) keep(c compiled) {
	<-w.ended
	w.stop()
	if w.found == nil {
		return
	}
	inputs, sealed := w.found.Seal()
	if !sealed {
		return
	}
	data, err := json.Marshal(record{Version: recordVersion, Mains: w.mains, Programs: c.programs, Inputs: inputs})
	if err == nil {
		_ = atomicfile.Write(w.path, data, 0o600) // see above
	}
}
