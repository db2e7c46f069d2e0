package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/api"
)

func rmCommand() command {
	return command{
		name: "rm", args: "APP", short: "Remove an app: its routes and instances; its journal and volumes stay",
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
			if kept := volumesOf(status, c.args[0]); kept != "" {
				fmt.Fprintf(c.Err, "its volumes are kept in %s\n", kept)
			}
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func volumesOf(status api.Status, name string) string {
	for _, a := range status.Apps {
		if a.App == name {
			return a.Volumes
		}
	}
	return ""
}

func gone(status api.Status, name string) bool {
	for _, a := range status.Apps {
		if a.App == name {
			return a.Live == ""
		}
	}
	return true
}
