package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

// sickGrace is what a program gets to end that is restarted because of its
// health.
const sickGrace = time.Second

// run is one run of the program, from its start to its end.
type run struct {
	reason string // why it ended, for people
	hint   string
	ready  bool // whether it ever was
	final  bool // trying again would end the same, unless it was ready before
}

// supervise starts the program and keeps it running until stopping ends. What is
// left of it then has until the end of killing. It returns early when there is
// no sense in another start.
func (s *shim) supervise(stopping, killing context.Context) {
	var p patience
	ready := false
	limit := s.order.Spec.Run.Health.Start.Std()
	begin := time.Now()
	for stopping.Err() == nil {
		start := time.Now()
		r := s.once(stopping, killing, ready)
		if stopping.Err() != nil {
			return
		}
		ready = ready || r.ready
		now := time.Now()
		pause, again := p.ended(now, now.Sub(start), ready)
		if !ready && (r.final || now.Sub(begin) > limit) {
			again = false
		}
		if !again {
			s.log.note("ended: %s; it is not started again", r.reason)
			s.set(func(now *status) {
				now.Ended = r.reason
				now.become(driver.CrashLoop, r.reason, r.hint)
			})
			return
		}
		s.log.note("ended: %s; it is started again in %s", r.reason, pause)
		s.set(func(now *status) { // at once: nobody is to see a restart that is ready already
			now.Restarts, now.Ended = now.Restarts+1, r.reason
			now.become(driver.Backoff, r.reason, r.hint)
		})
		if sleep(stopping, pause) {
			s.become(driver.Starting, r.reason, r.hint)
		}
	}
}

// once runs the program from its start to its end. A program that was never
// ready gets another port each time, since nobody knows its address yet.
func (s *shim) once(stopping, killing context.Context, everReady bool) run {
	if err := waitFor(stopping, s.order.Spec.Run); err != nil {
		return run{reason: err.Error(), hint: "run.health.start is how long it is waited for", final: true}
	}
	if !everReady {
		if err := s.choosePort(); err != nil {
			return run{reason: err.Error(), final: true}
		}
	}
	c, err := s.startChild()
	if err != nil {
		return run{reason: err.Error(), final: true}
	}
	s.set(func(now *status) { now.PID = c.pid() })
	watching, cancel := context.WithCancelCause(stopping)
	go func() { // until the program ended, which c.stop waits for
		<-c.ended
		cancel(s.whyEnded(c))
	}()
	r := s.watch(watching, c)
	if stopping.Err() == nil {
		bounded, cancel := context.WithTimeout(killing, sickGrace)
		defer cancel()
		killing = bounded
	}
	c.stop(killing)
	s.set(func(now *status) { now.PID = 0 })
	return r
}

// choosePort gives the instance a port of its own, which it keeps for as long as
// the shim lives or until the next is chosen.
func (s *shim) choosePort() error {
	port, claim, err := freePort()
	if err != nil {
		return err
	}
	if s.claim != nil {
		s.claim.Close()
	}
	s.claim = claim
	s.set(func(now *status) { now.Address = fmt.Sprintf("%s:%d", loopback, port) })
	return nil
}

// watch waits for the first good health answer and then looks for bad ones. It
// returns when the program ended, has to be ended, or ctx does.
func (s *shim) watch(ctx context.Context, c *child) run {
	if err := s.firstHealth(ctx, c); err != nil {
		if ctx.Err() != nil {
			return run{reason: context.Cause(ctx).Error()}
		}
		var failed *unreadyError
		errors.As(err, &failed)
		return run{reason: failed.Reason, hint: failed.Hint, final: true}
	}
	s.become(driver.Ready, "", "")
	health := s.order.Spec.Run.Health
	for failures := 0; ; {
		if !sleep(ctx, health.Interval.Std()) {
			break
		}
		err := askHealth(ctx, s.now().Address, health)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			failures = 0
			continue
		}
		if failures++; failures >= health.Failures {
			return run{reason: fmt.Sprintf("health: %v, %d times in a row", err, failures), ready: true}
		}
	}
	return run{reason: context.Cause(ctx).Error(), ready: true}
}
