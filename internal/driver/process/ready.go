package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

// unreadyError says why a program did not become ready.
type unreadyError struct{ Reason, Hint string }

// Error implements error.
func (e *unreadyError) Error() string { return e.Reason }

// How a program that starts is looked at.
const (
	lookEvery = 500 * time.Millisecond // for where it listens
	lookAfter = 4                      // looks that find it on run.port are enough
)

// firstHealth asks, ever less often, until the first good answer that is the
// program's own. The error is an *unreadyError, or ctx ended.
func (s *shim) firstHealth(ctx context.Context, c *child) error {
	const slowest = 250 * time.Millisecond
	address, health := s.now().Address, s.order.Spec.Run.Health
	deadline := time.Now().Add(health.Start.Std())
	looked, misplaced := time.Now(), 0
	for pause := 5 * time.Millisecond; ; pause = min(pause*3/2, slowest, health.Interval.Std()) {
		last := askHealth(ctx, address, health)
		if last == nil && !answersFor(c.pid(), address) {
			last = errors.New("another process answers on $PORT")
		}
		switch {
		case last == nil:
			return nil
		case time.Now().After(deadline):
			return s.unready(c, last)
		case time.Since(looked) >= lookEvery:
			looked = time.Now()
			if s.listensOnItsOwn(c) {
				misplaced++
			}
			if misplaced == lookAfter {
				return s.unready(c, last)
			}
		}
		if !sleep(ctx, pause) {
			return context.Cause(ctx)
		}
	}
}

// listensOnItsOwn says whether a program listens on the port that containers
// would, so that $PORT will not come. Until then the state says where it does.
func (s *shim) listensOnItsOwn(c *child) bool {
	reason, hint, addresses := misplacement(c.pid(), s.now().Address)
	if reason == "" {
		return false
	}
	s.become(driver.Starting, reason, hint)
	port := strconv.Itoa(s.order.Spec.Run.Port)
	return slices.ContainsFunc(addresses, func(a string) bool { return strings.HasSuffix(a, ":"+port) })
}

// unready says why the program never was well.
func (s *shim) unready(c *child, last error) error {
	if reason, hint, _ := misplacement(c.pid(), s.now().Address); reason != "" {
		return &unreadyError{reason, hint}
	}
	return &unreadyError{
		Reason: fmt.Sprintf("not healthy within %s: %v", s.order.Spec.Run.Health.Start, last),
		Hint:   "run.health.path is what is asked for, run.health.start how long it may take",
	}
}

// misplacement says where a process listens when that is not where it should.
func misplacement(pid int, address string) (reason, hint string, addresses []string) {
	addresses, _ = listening(pid)
	if len(addresses) == 0 || serves(addresses, address) {
		return "", "", nil
	}
	_, port, _ := net.SplitHostPort(address)
	if slices.ContainsFunc(addresses, func(a string) bool { return strings.HasSuffix(a, ":"+port) }) {
		return fmt.Sprintf("listens on %s, not on $HOST:$PORT", strings.Join(addresses, ", ")),
			"listen on $HOST, or on all addresses", addresses
	}
	return fmt.Sprintf("listens on %s, not on $PORT", strings.Join(addresses, ", ")),
		"read the variable PORT, or pass it: run.args: [\"--port=$(PORT)\"]", addresses
}

// answersFor says whether what listens on an address is the process. Ports are
// taken by trying, so another process may have been faster. Where that cannot be
// seen it is believed.
func answersFor(pid int, address string) bool {
	addresses, seen := listening(pid)
	return !seen || serves(addresses, address)
}

// serves says whether one of the addresses accepts connections to address.
func serves(addresses []string, address string) bool {
	_, port, _ := net.SplitHostPort(address)
	return slices.Contains(addresses, ":"+port) || slices.Contains(addresses, address)
}
