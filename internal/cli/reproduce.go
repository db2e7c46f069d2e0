package cli

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/workshop"
)

func reproduceCommand() command {
	return command{
		name: "reproduce", args: "REF [DIR]", short: "Build an image once more from its provenance, and compare bit for bit", min: 1, max: 2,
		flags: func(f *pflag.FlagSet, o *options) {
			f.StringVar(&o.key, "key", "", "public key that has to have signed the provenance")
			jsonFlag(f, o)
		},
		run:  runReproduce,
		foot: "DIR is where the source is: the same files, or a git repository that has the commit.",
	}
}

func runReproduce(ctx context.Context, c *call) error {
	dir := "."
	if len(c.args) == 2 {
		dir = c.args[1]
	}
	show := newSteps(c.Stdio)
	r, err := workshop.Reproduce(ctx, c.args[0], dir, c.key, func(e build.Event) { show.event(e) })
	show.end()
	switch {
	case err != nil:
		return err
	case c.json:
		err = printJSON(c.Out, r)
	case r.Same:
		_, err = fmt.Fprintf(c.Out, "%s is reproduced bit for bit\n", r.Digest)
	default:
		_, err = fmt.Fprintf(c.Out, "%s is not reproduced: %s came out\nthe first difference: %s\n", r.Digest, r.Rebuilt, r.Difference)
	}
	if err == nil && !r.Same {
		return silent(exitFindings)
	}
	return err
}
