package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
)

func approveCommand() command {
	return command{
		name: "approve", args: "RELEASE", short: "Let a waiting release go on", min: 1, max: 1, flags: serverFlag,
		run: func(ctx context.Context, c *call) error {
			if _, err := c.steer(ctx, api.Approve); err != nil {
				return err
			}
			fmt.Fprintf(c.Err, "%s goes on\n", c.args[0])
			return nil
		},
	}
}
