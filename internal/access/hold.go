package access

import "context"

// Hold returns a context that ends with the token: when it expires or is revoked.
// What goes on for long, such as a log that is followed, is done under it. release
// is to be called in the end.
func (b *Book) Hold(ctx context.Context, t Token) (held context.Context, release func()) {
	end := func() {}
	if !t.Expires.IsZero() {
		ctx, end = context.WithDeadlineCause(ctx, t.Expires, &ExpiredError{t.Expires})
	}
	ctx, cancel := context.WithCancelCause(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.tokens[t.ID]; !ok { // it was revoked just now
		cancel(ErrUnknown)
	}
	if b.holds == nil {
		b.holds = map[string]map[*hold]bool{}
	}
	if b.holds[t.ID] == nil {
		b.holds[t.ID] = map[*hold]bool{}
	}
	h := &hold{cancel}
	b.holds[t.ID][h] = true
	return ctx, func() {
		cancel(nil)
		end()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.holds[t.ID], h)
		if len(b.holds[t.ID]) == 0 {
			delete(b.holds, t.ID)
		}
	}
}

// hold is something that goes on under a token.
type hold struct{ cancel context.CancelCauseFunc }
