package cli

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
)

func initCommand() command {
	return command{
		name: "init", args: "[DIR]", short: "Write a commented davit.yaml for the module in a folder", max: 1,
		flags: func(f *pflag.FlagSet, o *options) {
			f.StringVar(&o.ci, "ci", "", "write a workflow that runs davit ci, too: for github or gitlab")
		},
		run: func(ctx context.Context, c *call) error {
			written, err := app.Init(ctx, app.InitConfig{Dir: c.folder(), CI: c.ci})
			for _, file := range written {
				fmt.Fprintf(c.Err, "wrote %s\n", file)
			}
			if err != nil {
				return err
			}
			if c.ci != "" {
				fmt.Fprintln(c.Err, "next: 'davit ci' shows here what the workflow will say")
				return nil
			}
			fmt.Fprintln(c.Err, "next: 'davit serve' in one terminal, 'davit ship' in another")
			return nil
		},
	}
}
