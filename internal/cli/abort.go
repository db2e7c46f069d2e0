package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
)

func abortCommand() command {
	return command{
		name: "abort", args: "RELEASE", short: "Take a release under way back, without blocking its plan", min: 1, max: 1, flags: serverFlag,
		run: func(ctx context.Context, c *call) error {
			if _, err := c.steer(ctx, api.Abort); err != nil {
				return err
			}
			fmt.Fprintf(c.Err, "%s is being taken back\n", c.args[0])
			return nil
		},
	}
}
