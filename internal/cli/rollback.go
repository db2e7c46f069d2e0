package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/release"
)

func rollbackCommand() command {
	return command{
		name: "rollback", args: "APP", short: "Take back what goes out, or else the live version; its plan is blocked",
		min: 1, max: 1, flags: serverFlag, run: runRollback,
	}
}

func runRollback(ctx context.Context, c *call) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	s, err := client.Steer(ctx, api.Rollback, c.args[0])
	if err != nil {
		return err
	}
	err = client.Follow(ctx, s.ID, func(now release.Summary) error {
		s = now
		if app.Settled(now) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	switch s.Outcome {
	case release.RolledBack:
		fmt.Fprintf(c.Err, "%s was taken back\n", s.ID)
	case release.Live:
		fmt.Fprintf(c.Err, "%s was taken back: %s is live with the plan from before\n", s.BackFrom, s.ID)
	default:
		return &exitError{code: codeOfRelease(s), message: fmt.Sprintf("%s ended %s: %s", s.ID, s.Outcome, s.Reason)}
	}
	return nil
}
