package release

import "context"

// hold folds that the release waits for a person.
func (r *Release) hold(e Event) {
	if e.Pause {
		r.paused = e.Actor
		return
	}
	r.Held, r.reenter = e.Reason, false
}

// resume folds that it shall go on: with the same step and another deadline.
func (r *Release) resume() {
	r.paused = ""
	if r.Phase != PhaseCanary && r.Phase != PhaseBaking {
		return
	}
	r.Held, r.lapses, r.reenter, r.begun = "", 0, true, r.Elapsed
}

// resumable says whether it is held, by a person or for want of a proof.
func (r *Release) resumable() bool {
	return r.Phase != PhaseEnded && (r.paused != "" || (r.Held != "" && !r.waived))
}

// Hold keeps the release where it is until somebody resumes it. What it has of the
// traffic it keeps, and a verdict against it still takes it back.
func (e *Engine) Hold(ctx context.Context, release, actor string) error {
	return e.steer(ctx, release, func(ctx context.Context, m *machine, r *Release) error {
		switch {
		case r.Stop != nil || m.app.Live == r.ID || m.app.promoting(r):
			return refuse(CodeState, "%s is at its end already", r.ID)
		case r.paused != "":
			return refuse(CodeState, "%s is held by %s already", r.ID, r.paused)
		}
		return m.record(ctx, &Event{
			Kind: Held, Release: r.ID, Actor: actor, Pause: true, Reason: "held by " + actor, Verdict: r.Verdict,
		})
	})
}

// Resume lets a held release go on: with the step at which it is, and with a new
// deadline. What was found out about it stays.
func (e *Engine) Resume(ctx context.Context, release, actor string) error {
	return e.steer(ctx, release, func(ctx context.Context, m *machine, r *Release) error {
		if !r.resumable() {
			return refuse(CodeState, "%s is not held", r.ID)
		}
		return m.record(ctx, &Event{Kind: Resumed, Release: r.ID, Actor: actor})
	})
}

// steer runs do in the loop of the machine that has the release under way.
func (e *Engine) steer(ctx context.Context, release string, do func(ctx context.Context, m *machine, r *Release) error) error {
	m, s, err := e.find(release)
	if err != nil {
		return err
	}
	return m.do(ctx, func(ctx context.Context) error {
		r := m.app.current()
		if r == nil || r.ID != s.ID {
			return refuse(CodeState, "%s is not under way: %s", s.ID, m.app.Find(s.ID).Outcome)
		}
		return do(ctx, m, r)
	})
}
