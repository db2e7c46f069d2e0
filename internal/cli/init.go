package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/app"
)

func initCommand() command {
	return command{
		name: "init", args: "[DIR]", short: "Write a commented davit.yaml for the module in a folder", max: 1,
		run: func(ctx context.Context, c *call) error {
			written, err := app.Init(ctx, c.folder())
			if err != nil {
				return err
			}
			for _, file := range written {
				fmt.Fprintf(c.Err, "wrote %s\n", file)
			}
			fmt.Fprintln(c.Err, "next: 'davit serve' in one terminal, 'davit ship' in another")
			return nil
		},
	}
}
