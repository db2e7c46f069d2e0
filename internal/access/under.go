package access

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Under answers a request under a token: it has all the time that it needs, and
// ends with the token, also in the middle of its body or of its answer.
func (b *Book) Under(w http.ResponseWriter, r *http.Request, t Token, next http.Handler) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // what has no deadlines has none to lift
	ctx, release := b.Hold(r.Context(), t)
	defer release()
	done := make(chan struct{})
	cut := context.AfterFunc(ctx, func() {
		defer close(done)
		if over(ctx) {
			past := time.Unix(1, 0)
			_ = control.SetReadDeadline(past) // otherwise it ends with what is read or written next
			_ = control.SetWriteDeadline(past)
		}
	})
	defer func() {
		if !cut() {
			<-done // the answer is not to be touched any more
		}
	}()
	r = r.WithContext(ctx)
	r.Body = &bodyUnder{r.Body, ctx}
	next.ServeHTTP(w, r)
}

// over reports whether it is the token that has ended, and not the request.
func over(ctx context.Context) bool {
	cause := context.Cause(ctx)
	_, expired := errors.AsType[*ExpiredError](cause)
	return expired || errors.Is(cause, ErrUnknown)
}

// bodyUnder is a body of which no more is read once the token has ended, whatever
// deadlines the reader sets.
type bodyUnder struct {
	io.ReadCloser

	ctx context.Context //nolint:containedctx // an io.Reader is not told one
}

// Read implements io.Reader.
func (b *bodyUnder) Read(p []byte) (int, error) {
	if over(b.ctx) {
		return 0, context.Cause(b.ctx)
	}
	return b.ReadCloser.Read(p)
}
