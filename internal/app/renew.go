package app

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// renewPoll is how often it is asked whether an edge of another program can go.
const renewPoll = 2 * time.Second

// fits says whether an edge is one as control would start it: of this program, and
// with or without TLS. Of its limits it is not known.
func (e *edge) fits(s traffic.Status) bool {
	return isThisProgram(s.PID) && (s.Secure != "") == (e.secure != nil)
}

// prepare has an edge run: the one that is there, unless that is another than control
// would start, as after an upgrade, and no release is under way; or else a new one.
func (e *edge) prepare(ctx context.Context) error {
	status, err := e.client.Status(ctx)
	if err == nil && (e.fits(status) || hasCanary(status) || !e.retire(ctx, status.PID)) {
		return nil
	}
	return e.start(ctx)
}

// renew lets an edge that does not fit go as soon as no canary has traffic: what
// the edge has counted for a verdict ends with it. run starts the next one.
func (e *edge) renew(ctx context.Context) {
	for said := false; ; said = true {
		status, err := e.client.Status(ctx)
		switch {
		case err == nil && e.fits(status):
			return
		case err == nil && !hasCanary(status):
			e.retire(ctx, status.PID)
			return
		case err == nil && !said:
			e.log.Info("the edge is of another version, or not as it should be in TLS, and goes when no release is under way", "pid", status.PID)
		}
		if !wait(ctx, renewPoll) {
			return
		}
	}
}

// retire returns whether the edge goes.
func (e *edge) retire(ctx context.Context, pid int) bool {
	err := e.client.Retire(ctx)
	if err != nil {
		e.log.Warn("the edge is of another version, or not as it should be in TLS, and stays until it is ended by hand", "pid", pid, "error", err)
	}
	return err == nil
}

// isThisProgram says whether a process runs the file that this one runs. A file
// that was replaced under the same name is another one. What cannot be known
// counts as the same.
func isThisProgram(pid int) bool {
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return true
	}
	ours, err := os.Stat("/proc/self/exe")
	return err != nil || os.SameFile(ours, theirs)
}

func hasCanary(s traffic.Status) bool {
	return slices.ContainsFunc(s.Routes, func(r traffic.RouteStatus) bool {
		return slices.ContainsFunc(r.Versions, func(v traffic.VersionStatus) bool { return v.Role == traffic.RoleCanary })
	})
}
