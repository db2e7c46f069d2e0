package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
)

func holdCommand() command {
	return command{
		name: "hold", args: "RELEASE", short: "Keep a release under way where it is", min: 1, max: 1, flags: serverFlag,
		foot: "It keeps its share of the traffic, and is still rolled back when it is found to be worse.",
		run: func(ctx context.Context, c *call) error {
			if _, err := c.steer(ctx, api.Hold); err != nil {
				return err
			}
			fmt.Fprintf(c.Err, "%s stays where it is; 'davit resume %[1]s' lets it go on\n", c.args[0])
			return nil
		},
	}
}
