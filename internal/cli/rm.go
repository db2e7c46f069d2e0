package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/api"
)

func rmCommand() command {
	return command{
		name: "rm", args: "APP", short: "Remove an app: its routes and instances; its journal stays",
		min: 1, max: 1, flags: serverFlag, run: runRm,
	}
}

func runRm(ctx context.Context, c *call) error {
	client, err := c.steer(ctx, api.Remove)
	if err != nil {
		return err
	}
	for {
		status, err := client.Status(ctx)
		if err != nil {
			return err
		}
		if gone(status, c.args[0]) {
			fmt.Fprintf(c.Err, "%s is gone\n", c.args[0])
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func gone(status api.Status, name string) bool {
	for _, a := range status.Apps {
		if a.App == name {
			return a.Live == ""
		}
	}
	return true
}
