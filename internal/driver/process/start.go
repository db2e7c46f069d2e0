package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

// Names that become folders, so that none can lead out of the driver's own. They
// hold no dot and no underscore, which the driver's other names do.
var (
	validID  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,126}[a-z0-9])?$`)
	validApp = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

const notAnID = "is not made of a-z, 0-9 and - alone"

// StartError says why an instance did not become ready. It is gone.
type StartError struct {
	ID     string
	Reason string
	Tail   []string // the last lines that it wrote
	Hint   string   // what to do about it, may be ""
}

// Error implements error, in one line, with the hint: it crosses the journal.
func (e *StartError) Error() string {
	text := fmt.Sprintf("start %s: %s", e.ID, e.Reason)
	if len(e.Tail) > 0 {
		text += "; it wrote: " + e.Tail[len(e.Tail)-1]
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Start runs the instance that spec describes and returns when it is ready. An
// instance with the same ID that runs already, or is about to be restarted, is
// waited for and returned; one that is in a crash loop or stopping is ended and
// started anew. The error is a *StartError when the instance is to blame;
// nothing of it is left then but its log. When ctx ends, what this call started
// is cleaned away, and what it found is left alone.
func (d *Driver) Start(ctx context.Context, spec driver.Spec) (driver.Instance, error) {
	if err := d.validate(spec); err != nil {
		return driver.Instance{}, fmt.Errorf("start instance %q: %w", spec.ID, err)
	}
	unlock, err := d.lock(ctx, spec.ID)
	if err != nil {
		return driver.Instance{}, fmt.Errorf("start %s: %w", spec.ID, err)
	}
	defer unlock()
	found, err := ask(ctx, d.dir(spec.ID), askLimit)
	if err == nil && found.State != driver.CrashLoop && found.State != driver.Stopping {
		return d.adopt(ctx, spec)
	}
	if err := d.end(ctx, spec.ID, 0); err != nil {
		return driver.Instance{}, err
	}
	return d.begin(ctx, spec)
}

// adopt waits for an instance that is there already.
func (d *Driver) adopt(ctx context.Context, spec driver.Spec) (driver.Instance, error) {
	w := waiting{app: spec.App, id: spec.ID, gone: func() bool { return abandoned(d.dir(spec.ID)) }}
	instance, err := d.await(ctx, w)
	if _, failed := errors.AsType[*StartError](err); failed {
		return instance, d.clean(ctx, spec.ID, err)
	}
	return instance, err
}

// begin starts a new instance.
func (d *Driver) begin(ctx context.Context, spec driver.Spec) (driver.Instance, error) {
	w := waiting{app: spec.App, id: spec.ID, since: time.Now()}
	shim, err := d.launch(spec)
	if err != nil {
		return driver.Instance{}, d.clean(ctx, spec.ID, err)
	}
	w.gone = shim.ended
	instance, err := d.await(ctx, w)
	if err != nil {
		return driver.Instance{}, d.clean(ctx, spec.ID, err)
	}
	if instance.Unlimited != "" {
		d.log.Warn("limits of an instance cannot be enforced here", "instance", spec.ID, "reason", instance.Unlimited)
	}
	return instance, nil
}

// clean ends what failed and returns the error that it failed with.
func (d *Driver) clean(ctx context.Context, id string, err error) error {
	const limit = 10 * time.Second
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if left := d.end(bounded, id, 0); left != nil {
		return errors.Join(err, left)
	}
	return err
}

// waiting is what a Start waits for.
type waiting struct {
	app   string
	id    string
	since time.Time   // its output before is another attempt's
	gone  func() bool // whether its shim is
}

// await polls the shim until the instance is ready or will not be.
func (d *Driver) await(ctx context.Context, w waiting) (driver.Instance, error) {
	const enough = 3 // questions without an answer
	silent := 0
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		gone := w.gone() // before asking: a shim that ends may have answered last
		found, err := ask(ctx, d.dir(w.id), askLimit)
		switch {
		case err == nil && found.State == driver.Ready:
			return found.Instance, nil
		case err == nil && found.State == driver.CrashLoop:
			return driver.Instance{}, d.startError(w, found.Reason, found.Hint)
		case err == nil && found.State == driver.Stopping:
			return driver.Instance{}, d.startError(w, "it was stopped meanwhile", "")
		case err != nil && gone:
			return driver.Instance{}, d.startError(w, "its shim ended: "+said(d.dir(w.id)), "")
		case err != nil && !errors.Is(err, errNoShim) && ctx.Err() == nil:
			if silent++; silent == enough {
				return driver.Instance{}, d.startError(w, "its shim does not answer: "+err.Error(), "")
			}
		}
		if !sleep(ctx, pause) {
			return driver.Instance{}, fmt.Errorf("start %s: %w", w.id, context.Cause(ctx))
		}
	}
}

func (d *Driver) startError(w waiting, reason, hint string) error {
	const lines = 20
	return &StartError{ID: w.id, Reason: reason, Hint: hint, Tail: d.tail(w, lines)}
}

// validate says what an instance cannot be started with.
func (d *Driver) validate(spec driver.Spec) error {
	root := spec.Image.Root
	switch {
	case !validID.MatchString(spec.ID):
		return fmt.Errorf("the ID %s", notAnID)
	case !validApp.MatchString(spec.App):
		return fmt.Errorf("the app %q is not a DNS label", spec.App)
	case !filepath.IsAbs(root):
		return fmt.Errorf("the image's root %q is not absolute", root)
	}
	if _, err := os.Stat(root); err != nil {
		return fmt.Errorf("find the image: %w", err)
	}
	for _, hidden := range d.cfg.Hidden {
		if within(root, hidden) {
			return fmt.Errorf("the image's root %s would show %s, which is hidden from instances", root, hidden)
		}
	}
	if len(spec.Image.Entrypoint)+len(spec.Image.Cmd)+len(spec.Run.Args) == 0 {
		return errors.New("the image has neither ENTRYPOINT nor CMD, and run.args is empty")
	}
	if err := spec.Run.Validate(); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// within says whether path is folder or lies below it.
func within(folder, path string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}
