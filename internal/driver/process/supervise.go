package process

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

// How a program that ends is started again.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 30 * time.Second
	steady       = 10 * time.Second // running for so long makes it a new beginning
	loopWindow   = time.Minute
	loopEnds     = 5 // ends within loopWindow that are a crash loop
)

// supervise starts the program and keeps it running until ctx ends, or until
// there is no sense in it any more.
func (s *shim) supervise(ctx context.Context) {
	var ends []time.Time
	backoff := firstBackoff
	for ready := false; ctx.Err() == nil; {
		start := time.Now()
		reason, wasReady := s.once(ctx)
		ready = ready || wasReady
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		ends = append(recent(ends, now), now)
		if !ready || len(ends) >= loopEnds {
			s.become(driver.CrashLoop, reason)
			return
		}
		if now.Sub(start) > steady {
			backoff = firstBackoff
		}
		s.set(func(i *driver.Instance) { i.Restarts++ })
		s.become(driver.Backoff, reason)
		s.log.note("ended: %s; starting again in %s", reason, backoff)
		sleep(ctx, backoff)
		backoff = min(2*backoff, lastBackoff)
		s.become(driver.Starting, reason)
	}
}

// recent drops what lies before the window.
func recent(ends []time.Time, now time.Time) []time.Time {
	for len(ends) > 0 && now.Sub(ends[0]) > loopWindow {
		ends = ends[1:]
	}
	return ends
}

// once runs the program from its start to its end and says why it ended.
func (s *shim) once(ctx context.Context) (reason string, wasReady bool) {
	run := s.order.Spec.Run
	if err := waitFor(ctx, run.Wait, run.Health.Start.Std()); err != nil {
		return err.Error(), false
	}
	c, err := s.startChild()
	if err != nil {
		return err.Error(), false
	}
	defer s.set(func(i *driver.Instance) { i.PID = 0 })
	s.set(func(i *driver.Instance) { i.PID = c.pid() })
	watching, cancel := context.WithCancelCause(ctx)
	go func() {
		<-c.ended
		cancel(c.reason())
	}()
	reason, wasReady = s.watch(watching, c)
	if ctx.Err() != nil {
		c.stop(s.graceOf())
	} else {
		c.stop(time.Second)
	}
	return reason, wasReady
}

func (s *shim) graceOf() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grace
}

// watch waits for the first good health answer and then looks for bad ones. It
// returns when the program ended, has to be ended, or ctx does.
func (s *shim) watch(ctx context.Context, c *child) (reason string, wasReady bool) {
	health := s.order.Spec.Run.Health
	address := s.state().Address
	if err := firstHealth(ctx, address, health); err != nil {
		return s.unready(ctx, c, err), false
	}
	s.become(driver.Ready, "")
	for failures := 0; failures < health.Failures; {
		if !sleep(ctx, health.Interval.Std()) {
			return context.Cause(ctx).Error(), true
		}
		err := askHealth(ctx, address, health)
		if err == nil {
			failures = 0
			continue
		}
		failures++
		reason = fmt.Sprintf("health: %v, %d times", err, failures)
	}
	return reason, true
}

// hintMark separates a reason from what to do about it.
const hintMark = "\x00"

// unready says why the program never was well.
func (s *shim) unready(ctx context.Context, c *child, err error) string {
	if ctx.Err() != nil {
		return context.Cause(ctx).Error()
	}
	_, port, _ := strings.Cut(s.state().Address, ":")
	if elsewhere := listening(c.pid()); len(elsewhere) > 0 && !contains(elsewhere, port) {
		return fmt.Sprintf("listens on %s, not on $PORT", strings.Join(elsewhere, ", ")) + hintMark +
			"read the PORT variable, or pass it: run.args: [\"--port=$(PORT)\"]"
	}
	return err.Error() + hintMark + "run.health.path is where it is asked, run.health.start how long it may take"
}

func contains(addresses []string, port string) bool {
	for _, a := range addresses {
		if strings.HasSuffix(a, ":"+port) {
			return true
		}
	}
	return false
}
