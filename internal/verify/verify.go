// Package verify turns an image into a report: it starts the version in staging,
// asks it what its suite of assertions and load says, and stops it again.
//
// What the version does wrong is in the Report; an error means that davit could
// not find out. A suite is a value that is complete in itself, so it gives the
// same questions wherever the plan that holds it is carried out. The package
// imports none of the later stages, and starts versions only through Stage.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stopTime bounds stopping, which has to happen also after ctx ended. It leaves
// room for the default of run.drain.
const stopTime = time.Minute

// Stage is where a version is started to be looked at.
type Stage interface {
	// Start returns when the version answers its health check. Its error says,
	// for people, why it does not.
	Start(ctx context.Context) (Site, error)
	// Stop ends what Start began, also when Start failed half way. It returns nil
	// when nothing is left running.
	Stop(ctx context.Context) error
}

// Image starts the version on the stage, runs the suite against it, and stops it
// whatever happened. A version that does not start has failed its first check.
// The error is about davit itself: the suite could not be run, ctx ended, or the
// version could not be stopped, in which case the report is there as well.
func Image(ctx context.Context, suite Suite, stage Stage) (report Report, err error) {
	if err := suite.Validate(); err != nil {
		return Report{}, fmt.Errorf("suite: %w", err)
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if stopped := stage.Stop(last); stopped != nil {
			err = errors.Join(err, fmt.Errorf("stop staging: %w", stopped))
		}
	}()
	begin := time.Now()
	site, failure := stage.Start(ctx)
	if ctx.Err() != nil {
		return Report{}, fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	start := Check{Name: "starts and answers its health check", Duration: rounded(time.Since(begin))}
	if failure != nil {
		return unstarted(suite, start, failure)
	}
	report, err = Run(ctx, suite, site)
	if err != nil {
		return Report{}, err
	}
	start.Passed = true
	report.Checks = append([]Check{start}, report.Checks...)
	return report, nil
}

// unstarted is the report on a version that never answered.
func unstarted(suite Suite, start Check, reason error) (Report, error) {
	id, err := suite.Digest()
	if err != nil {
		return Report{}, err
	}
	start.Failures = []Failure{{"start", "a good answer from the health check", clip(reason.Error(), maxReason)}}
	report := Report{Passed: true, Suite: id}
	report.add(start)
	return report, nil
}
