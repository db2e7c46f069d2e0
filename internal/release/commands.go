package release

import (
	"context"
	"time"
)

// Submission is a plan that somebody wants to be released.
type Submission struct {
	Plan      Plan
	Stored    string // digest of the artifact that holds it
	Evidence  Evidence
	Actor     string
	Supersede bool // roll back the release under way instead of refusing
}

// supersedeLimit bounds how long a superseding release waits for the other's end.
const supersedeLimit = time.Minute

// Submit accepts a plan as the app's release under way and returns it. It
// refuses with a *RefusalError when another is under way, when the plan is live
// already, or when it was rolled back and nobody has lifted the block.
func (e *Engine) Submit(ctx context.Context, s Submission) (Summary, error) {
	if err := s.Plan.Validate(); err != nil {
		return Summary{}, refuse(CodeInvalid, "%v", err)
	}
	digest, err := s.Plan.Digest()
	if err != nil {
		return Summary{}, err
	}
	if err := e.hostsFree(s.Plan); err != nil { // before another is taken back for it
		return Summary{}, err
	}
	m, err := e.open(s.Plan.App)
	if err != nil {
		return Summary{}, err
	}
	if s.Supersede {
		if err := e.supersede(ctx, m, s.Actor); err != nil {
			return Summary{}, err
		}
	}
	event := &Event{
		Kind: Submitted, Actor: s.Actor, Plan: &s.Plan, Digest: digest, Stored: s.Stored,
		Image: &s.Plan.Image, Evidence: &s.Evidence,
	}
	return e.admit(ctx, m, event)
}

// submit records a submission in the machine's loop.
func (m *machine) submit(ctx context.Context, event *Event) (Summary, error) {
	var summary Summary
	err := m.do(ctx, func(ctx context.Context) error {
		if refusal := m.app.admissible(event); refusal != nil {
			return refusal
		}
		event.Release = m.app.NextID()
		if err := m.record(ctx, event); err != nil {
			return err
		}
		summary, _ = m.shown.Load().Find(event.Release)
		return nil
	})
	return summary, err
}

// admissible says why a submission cannot be accepted now, nil when it can.
func (a *App) admissible(e *Event) error {
	switch live := a.Find(a.Live); {
	case a.Current != "":
		r := refuse(CodeUnderWay, "release %s of %s is under way", a.Current, a.Name)
		r.Release = a.Current
		return r.hint("wait for it, 'davit abort %s', or ship with --supersede", a.Current)
	case a.Removing:
		return refuse(CodeUnderWay, "%s is being removed", a.Name)
	case a.Blocked[e.Digest] != "":
		by := a.Find(a.Blocked[e.Digest])
		r := refuse(CodeBlocked, "this plan was rolled back as %s: %s", by.ID, by.Reason)
		r.Release = by.ID
		return r.hint("mend the program or its configuration, or lift the block with 'davit unblock %s'", a.Name)
	case live != nil && live.Digest == e.Digest:
		r := refuse(CodeUnchanged, "%s has exactly this plan live as %s", a.Name, live.ID)
		r.Release = live.ID
		return r
	case a.Live != "" && !a.Running[a.Live]:
		return refuse(CodeNoWayBack, "release %s is live but has no instance, so there would be no way back", a.Live)
	}
	return nil
}

func (e *Engine) supersede(ctx context.Context, m *machine, actor string) error {
	err := m.do(ctx, func(ctx context.Context) error {
		if m.app.Current == "" {
			return nil
		}
		return m.takeBack(ctx, Ending{Outcome: Superseded, Reason: "superseded by another release"}, actor)
	})
	if err != nil {
		return err
	}
	return e.waitEnded(ctx, m, supersedeLimit)
}

// takeBack records that the release under way shall end, and interrupts it. It
// runs in the machine's loop.
func (m *machine) takeBack(ctx context.Context, ending Ending, actor string) error {
	r := m.app.current()
	switch {
	case r == nil:
		return refuse(CodeState, "no release of %s is under way", m.app.Name)
	case r.Stop != nil:
		return nil
	case m.app.Live == r.ID || m.app.promoting(r):
		return refuse(CodeState, "%s is going live already", r.ID).hint("'davit rollback %s' takes it back", m.app.Name)
	}
	event := &Event{
		Kind: Stopped, Release: r.ID, Actor: actor,
		Outcome: ending.Outcome, Reason: ending.Reason, Verdict: r.Verdict,
	}
	if err := m.record(ctx, event); err != nil {
		return err
	}
	m.interrupt(r.ID)
	return nil
}

// promoting says whether the action that makes the release live is under way.
func (a *App) promoting(r *Release) bool {
	for _, action := range a.Pending {
		if action.Kind == Route && action.Routing.Stable == r.ID {
			return true
		}
	}
	return false
}

// Abort takes the release back. Its plan is not blocked.
func (e *Engine) Abort(ctx context.Context, release, actor string) error {
	return e.steer(ctx, release, func(ctx context.Context, m *machine, _ *Release) error {
		return m.takeBack(ctx, Ending{Outcome: Aborted, Reason: "aborted by " + actor}, actor)
	})
}

// Approve lets the release pass the gate at which it waits.
func (e *Engine) Approve(ctx context.Context, release, actor string) error {
	return e.steer(ctx, release, func(ctx context.Context, m *machine, r *Release) error {
		switch {
		case r.paused != "":
			return refuse(CodeState, "%s is held by %s", r.ID, r.paused).hint("'davit resume %s' first", r.ID)
		case r.Waiting() == "":
			return refuse(CodeState, "%s does not wait for an approval", r.ID)
		}
		return m.record(ctx, &Event{Kind: Approved, Release: r.ID, Actor: actor})
	})
}

// Rollback takes back what is under way, or, when nothing is, brings the
// version before the live one to life again. Either way the plan is blocked.
// The release that carries it out is returned.
func (e *Engine) Rollback(ctx context.Context, app, actor string) (Summary, error) {
	m, err := e.app(app)
	if err != nil {
		return Summary{}, err
	}
	current := m.shown.Load().Current
	if current == "" {
		return e.goBack(ctx, m, actor)
	}
	err = m.do(ctx, func(ctx context.Context) error {
		return m.takeBack(ctx, Ending{Outcome: RolledBack, Reason: "rolled back by " + actor}, actor)
	})
	s, _ := m.shown.Load().Find(current)
	return s, err
}

func (e *Engine) goBack(ctx context.Context, m *machine, actor string) (Summary, error) {
	event := &Event{Kind: Submitted, Actor: actor}
	err := m.do(ctx, func(context.Context) error {
		back := m.app.Find(m.app.Back)
		if back == nil {
			return refuse(CodeNoWayBack, "%s has no earlier version to go back to", m.app.Name)
		}
		plan := back.Plan
		event.Plan, event.Digest, event.Stored, event.Image = &plan, back.Digest, back.Stored, &plan.Image
		event.Evidence, event.BackFrom = &back.Evidence, m.app.Live
		return nil
	})
	if err != nil {
		return Summary{}, err
	}
	return e.admit(ctx, m, event)
}

// Unblock lifts the block of all plans of the app that were rolled back.
func (e *Engine) Unblock(ctx context.Context, app, actor string) error {
	m, err := e.app(app)
	if err != nil {
		return err
	}
	return m.do(ctx, func(ctx context.Context) error {
		if len(m.app.Blocked) == 0 {
			return refuse(CodeState, "%s has no blocked plan", app)
		}
		return m.record(ctx, &Event{Kind: Unblocked, Actor: actor})
	})
}

// Remove ends the app: its routes, its instances, its blocks. Its journal stays.
func (e *Engine) Remove(ctx context.Context, app, actor string) error {
	m, err := e.app(app)
	if err != nil {
		return err
	}
	return m.do(ctx, func(ctx context.Context) error {
		switch {
		case m.app.Current != "":
			return refuse(CodeUnderWay, "release %s of %s is under way", m.app.Current, app).
				hint("'davit abort %s' first", m.app.Current)
		case m.app.Live == "":
			return refuse(CodeState, "%s is not live", app)
		}
		return m.record(ctx, &Event{Kind: Removing, Actor: actor})
	})
}
