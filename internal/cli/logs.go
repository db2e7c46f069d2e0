package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/api"
)

func logsCommand() command {
	return command{
		name: "logs", args: "APP", short: "Print what an app's instances wrote", min: 1, max: 1,
		flags: func(f *pflag.FlagSet, o *options) {
			serverFlag(f, o)
			f.BoolVarP(&o.follow, "follow", "f", false, "go on printing what is written")
			f.IntVarP(&o.tail, "tail", "n", 0, "only this many lines from the end (0: all that is kept)")
			f.StringVar(&o.release, "release", "", "only the instances of one release")
		},
		run: runLogs,
	}
}

func runLogs(ctx context.Context, c *call) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	lines, err := client.Logs(ctx, api.LogQuery{App: c.args[0], Release: c.release, Tail: c.tail, Follow: c.follow})
	if err != nil {
		return err
	}
	defer lines.Close()
	if _, err := io.Copy(c.Out, lines); err != nil && ctx.Err() == nil {
		return fmt.Errorf("read logs of %s: %w", c.args[0], err)
	}
	return nil
}
