package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/app"
)

func serveCommand() command {
	return command{
		name: "serve", short: "Run the platform on this machine: registry, releases, edge, page",
		flags: serveFlags, run: runServe,
		foot: "Ctrl-C and SIGTERM end control only: apps and traffic go on, and the next 'davit serve'\n" +
			"takes over. 'davit down' ends everything.",
	}
}

func serveFlags(f *pflag.FlagSet, o *options) {
	defaults := app.DefaultServeConfig()
	dataAndJSON(f, o)
	f.StringVar(&o.listen, "listen", defaults.Listen, "address of the page and the registry")
	f.StringVar(&o.edge, "edge", defaults.Edge, "address of production traffic")
	f.StringVar(&o.staging, "staging", defaults.Staging, "address of staging traffic")
	f.BoolVar(&o.accept, "accept-unsandboxed", false, "run instances although nothing keeps them from the data folder")
	f.BoolVar(&o.tether, "tether", false, "end everything when standard input ends")
}

func runServe(ctx context.Context, c *call) error {
	data, err := c.dataFolder()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.Err, nil))
	err = app.Serve(ctx, app.ServeConfig{
		Data: data, Listen: c.listen, Edge: c.edge, Staging: c.staging,
		AcceptUnsandboxed: c.accept, Tether: c.tether, Stdin: c.In, Log: log,
	}, func(status api.Status) { c.announce(status) })
	if err == nil && ctx.Err() != nil {
		fmt.Fprintln(c.Err, "davit: apps and traffic go on without control; 'davit serve' takes over, 'davit down' ends them")
	}
	return err
}

// announce says where everything is once it answers.
func (c *call) announce(s api.Status) {
	if c.json {
		_ = printJSON(c.Out, s) // a reader that is gone ends the command otherwise
		return
	}
	fmt.Fprintf(c.Out, "page and registry  %s\nproduction         http://%s\nstaging            http://%s\n"+
		"data               %s\nsandbox            %s\n",
		s.Page, s.Edge.Production, s.Edge.Staging, s.Data, s.Sandbox)
}

func edgeCommand() command {
	return command{
		name: "edge", hidden: true, short: "The data plane; 'davit serve' starts it",
		flags: func(f *pflag.FlagSet, o *options) {
			dataFlag(f, o)
			f.BoolVar(&o.tether, "tether", false, "end when standard input does")
		},
		run: func(ctx context.Context, c *call) error {
			data, err := c.dataFolder()
			if err != nil {
				return err
			}
			return app.RunEdge(ctx, data, c.tether, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		},
	}
}
