package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/check/render"
	"github.com/davit-dev/davit/internal/release"
)

func shipCommand() command {
	return command{
		name: "ship", args: "[DIR]", short: "Take the service in a folder all the way to production", max: 1,
		flags: func(f *pflag.FlagSet, o *options) {
			serverAndJSON(f, o)
			f.BoolVar(&o.skipTests, "skip-tests", false, "leave out go vet and go test; the journal says so")
			f.BoolVar(&o.supersede, "supersede", false, "take back the release under way instead of refusing")
			f.BoolVar(&o.detach, "detach", false, "return when the release is submitted")
		},
		run: runShip,
		foot: "Ctrl-C detaches: the release goes on. Exit codes: 0 live, 1 findings, failed tests or compile\n" +
			"errors, 4 rejected, 5 rolled back, 6 waits for a person, 7 conflict or blocked.",
	}
}

func runShip(ctx context.Context, c *call) error {
	at, err := c.address()
	if err != nil {
		return err
	}
	show := newProgress(c.Stdio, c.json)
	last, err := app.Ship(ctx, app.ShipConfig{
		Dir: c.folder(), Server: at, SkipTests: c.skipTests, Supersede: c.supersede, Detach: c.detach,
		Output: c.Err, Progress: show.event,
	})
	show.end()
	return c.shipped(ctx, last, err)
}

// shipped says how it ended, and turns that into an exit code.
func (c *call) shipped(ctx context.Context, last release.Summary, err error) error {
	var findings *app.FindingsError
	var refusal *api.Error
	switch {
	case errors.As(err, &findings):
		return errors.Join(render.Text(c.Err, render.Report{Findings: findings.Findings, Project: findings.Project, Colored: c.Terminal}), err)
	case errors.As(err, &refusal) && refusal.Code == release.CodeUnchanged:
		fmt.Fprintf(c.Err, "nothing to do: %s\n", refusal.Message)
		return nil
	case err != nil && ctx.Err() != nil && last.ID != "":
		fmt.Fprintf(c.Err, "detached: %s goes on; 'davit show %s' shows it\n", last.ID, last.ID)
		return nil
	case err != nil:
		return err
	case c.detach && !app.Settled(last):
		fmt.Fprintf(c.Err, "%s is submitted; 'davit show %s' shows it\n", last.ID, last.ID)
		return nil
	}
	if !c.json {
		fmt.Fprintf(c.Out, "%s %s\n", last.ID, describe(last))
	}
	if code := codeOfRelease(last); code != exitDone {
		return &exitError{code: code, message: explain(last), tip: next(last)}
	}
	return nil
}

func explain(s release.Summary) string {
	if strings.HasPrefix(s.Waiting, "held: ") {
		return fmt.Sprintf("%s is %s", s.ID, s.Waiting)
	}
	if s.Waiting != "" {
		return fmt.Sprintf("%s waits for %s", s.ID, s.Waiting)
	}
	return fmt.Sprintf("%s was %s: %s", s.ID, describe(s), s.Reason)
}

func next(s release.Summary) string {
	switch {
	case s.Waiting != "":
		return fmt.Sprintf("'davit approve %s' lets it go on, 'davit abort %s' takes it back", s.ID, s.ID)
	case s.Outcome == release.Rejected:
		return fmt.Sprintf("'davit show %s' shows each check, 'davit logs %s' what it wrote", s.ID, s.App)
	case s.Outcome == release.RolledBack:
		return fmt.Sprintf("its plan is blocked; 'davit show %s' shows the evidence, 'davit unblock %s' lifts the block", s.ID, s.App)
	}
	return ""
}
