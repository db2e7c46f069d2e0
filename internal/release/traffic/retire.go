package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// lastAnswers is how long kept connections of a retiring edge are answered, each with
// word that it ends. Closed at once, one could meet a request that is on its way.
const lastAnswers = 3 * time.Second

// postRetire answers, and then lets the edge go.
func (e *Edge) postRetire(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusAccepted)
	_ = http.NewResponseController(w).Flush() // whoever asked sees the end of the socket, too
	go e.retire()
}

// retirement makes the function that lets the edge go: it gives the control socket
// and the listeners up, so that another edge can have them at once, and ends Run
// when the kept connections had their time.
func (e *Edge) retirement(end context.CancelFunc, control *http.Server) func() {
	return func() {
		if !e.router.retiring.CompareAndSwap(false, true) {
			return
		}
		e.deps.Log.Info("edge retires")
		_ = control.Close()
		for _, l := range e.deps.listeners() {
			_ = l.Close() // duplicates of others stay open
		}
		time.AfterFunc(lastAnswers, end)
	}
}

// served tells the end that was wanted from another one.
func (e *Edge) served(err error) error {
	if errors.Is(err, net.ErrClosed) && e.router.retiring.Load() {
		return nil
	}
	return err
}

// Retire has the edge stop accepting and give its control socket up at once, so
// that another one can take over with duplicates of the listeners. It finishes what
// is in flight for its grace, and ends.
func (c *Client) Retire(ctx context.Context) error {
	if err := c.call(ctx, http.MethodPost, "/retire", nil, nil); err != nil {
		return fmt.Errorf("retire edge: %w", err)
	}
	return nil
}
