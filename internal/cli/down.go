package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/app"
)

func downCommand() command {
	return command{
		name: "down", short: "End the platform and every app it runs, in order", flags: dataFlag,
		run: func(ctx context.Context, c *call) error {
			data, err := c.ownFolder()
			if err != nil {
				return err
			}
			if err := app.Down(ctx, data); err != nil {
				return err
			}
			fmt.Fprintln(c.Err, "everything has ended; the next 'davit serve' brings the apps back")
			return nil
		},
		foot: "The data folder stays: the next 'davit serve' brings the apps back as they were.",
	}
}
