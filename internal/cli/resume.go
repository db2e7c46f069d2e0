package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
)

func resumeCommand() command {
	return command{
		name: "resume", args: "RELEASE", short: "Let a held release go on looking", min: 1, max: 1, flags: serverFlag,
		foot: "The step at which it is begins again, and so does the deadline; what was found out about it stays.\n" +
			"To let it pass without a proof is 'davit approve'.",
		run: func(ctx context.Context, c *call) error {
			if _, err := c.steer(ctx, api.Resume); err != nil {
				return err
			}
			fmt.Fprintf(c.Err, "%s goes on with its step\n", c.args[0])
			return nil
		},
	}
}
