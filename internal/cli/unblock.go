package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
)

func unblockCommand() command {
	return command{
		name: "unblock", args: "APP", short: "Lift the block of an app's rolled back plans", min: 1, max: 1, flags: serverFlag,
		run: func(ctx context.Context, c *call) error {
			if _, err := c.steer(ctx, api.Unblock); err != nil {
				return err
			}
			fmt.Fprintf(c.Err, "plans of %s are not blocked any more\n", c.args[0])
			return nil
		},
	}
}
