package cli

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/workshop"
)

func lockCommand() command {
	return command{
		name: "lock", args: "[DIR]", short: "Pin the Go toolchain and the bases in davit.lock", max: 1,
		flags: func(f *pflag.FlagSet, o *options) {
			f.BoolVar(&o.update, "update", false, "pin what the tags stand for now, and the toolchain of this machine")
			jsonFlag(f, o)
		},
		run: runLock,
	}
}

func runLock(ctx context.Context, c *call) error {
	show := newSteps(c.Stdio)
	done, err := workshop.Lock(ctx, c.folder(), c.update, func(e build.Event) { show.event(e) })
	show.end()
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, done)
	}
	fmt.Fprintf(c.Out, "go %s\n", done.Go)
	for _, change := range done.Changes {
		if change.From == "" {
			fmt.Fprintf(c.Out, "%s is %s\n", change.Reference, change.To)
		} else {
			fmt.Fprintf(c.Out, "%s was %s, is %s\n", change.Reference, change.From, change.To)
		}
	}
	return nil
}
