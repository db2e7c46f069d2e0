package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

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
	f.StringVar(&o.accessLog, "access-log", "", "file for a line of JSON about each request; SIGHUP begins it anew")
	f.StringVar(&o.remote.Listen, "listen-api", "", "address at which other machines reach API, registry and page, in HTTPS,\nwith tokens; without it, none does")
	f.StringVar(&o.remote.Cert, "api-cert", "", "its certificate in PEM, read anew when it changes; without it, davit makes one")
	f.StringVar(&o.remote.Key, "api-key", "", "its key in PEM")
	secureFlags(f, o)
	limitFlags(f, o)
	f.BoolVar(&o.accept, "accept-unsandboxed", false, "run instances although nothing keeps them from the data folder")
	f.BoolVar(&o.tether, "tether", false, "end everything when standard input ends")
	f.Var(&o.retain, "retain", "how long the evidence of ended releases is kept, such as 90d; 0 is for ever")
	f.StringVar(&o.units, "print-systemd", "", "print the units for systemd instead; =DIR writes them into a folder")
	f.Lookup("print-systemd").NoOptDefVal = "-"
}

// secureFlags are about production traffic in TLS.
func secureFlags(f *pflag.FlagSet, o *options) {
	f.StringVar(&o.secure.Listen, "edge-tls", "", "address of production traffic in TLS, such as :443; without it, there is none")
	f.IntVar(&o.secure.Port, "edge-tls-port", 0, "port at which clients reach it, when that is another")
	f.StringVar(&o.secure.Plain, "plain", app.PlainRedirect, "what plain requests get for a host with a certificate: redirect or serve")
	f.Var(&o.hsts, "hsts", "how long browsers are to use https only, such as 365d; 0 does not tell them")
	f.StringVar(&o.secure.ACME.Email, "acme-email", "", "address of an account with a CA that speaks ACME; giving it is agreeing to the CA's\nterms; without it, davit's own CA signs everything")
	f.StringVar(&o.secure.ACME.Directory, "acme-directory", "", "URL of that CA (default Let's Encrypt)")
	f.StringVar(&o.secure.ACME.RootFile, "acme-root", "", "roots in PEM of a private ACME server")
}

// limitFlags are of the edge's process, and so of 'davit serve', which starts it.
func limitFlags(f *pflag.FlagSet, o *options) {
	f.IntVar(&o.limits.Connections, "max-connections", 0, "most connections of clients; 0 is 16384, or what the descriptors allow")
	f.IntVar(&o.limits.ClientConnections, "max-client-connections", 0, "most of them from one address; 0 is a quarter")
	f.Int64Var(&o.limits.Body, "max-body", 0, "most bytes of a request's body; 0 is any number")
}

func runServe(ctx context.Context, c *call) error {
	data, err := c.dataFolder()
	if err != nil {
		return err
	}
	if min(int64(c.limits.Connections), int64(c.limits.ClientConnections), c.limits.Body) < 0 {
		return usageErrorf("--max-connections, --max-client-connections and --max-body take no negative numbers")
	}
	if err := c.remote.Validate(); err != nil {
		return usageErrorf("%v", err)
	}
	c.secure.HSTS = time.Duration(c.hsts)
	if err := c.secure.Validate(); err != nil {
		return usageErrorf("%v", err)
	}
	if c.accessLog == "-" {
		return usageErrorf("--access-log takes a file, not -: the edge, which writes it, goes on when 'davit serve' ends")
	}
	cfg := app.ServeConfig{
		Data: data, Listen: c.listen, Edge: c.edge, Staging: c.staging,
		AccessLog: c.accessLog, Limits: c.limits, Remote: c.remote, Secure: c.secure, AcceptUnsandboxed: c.accept, Retain: time.Duration(c.retain), Tether: c.tether,
		Stdin: c.In, Log: slog.New(slog.NewTextHandler(c.Err, nil)),
	}
	if c.units != "" {
		return c.printUnits(cfg)
	}
	err = app.Serve(ctx, cfg, func(status api.Status) { c.announce(status) })
	if err == nil && ctx.Err() != nil {
		fmt.Fprintln(c.Err, "davit: apps and traffic go on without control; 'davit serve' takes over, 'davit down' ends them")
	}
	return err
}

// printUnits prints the units for systemd, or writes them into a folder.
func (c *call) printUnits(cfg app.ServeConfig) error {
	units, err := app.Units(cfg)
	if err != nil {
		return err
	}
	for _, u := range units {
		if c.units == "-" {
			fmt.Fprintf(c.Out, "# %s\n%s\n", u.Name, u.Text)
			continue
		}
		if err := os.WriteFile(filepath.Join(c.units, u.Name), []byte(u.Text), 0o644); err != nil {
			return fmt.Errorf("write the unit: %w", err)
		}
		fmt.Fprintln(c.Out, filepath.Join(c.units, u.Name))
	}
	return nil
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
	if s.Edge.Secure != "" {
		fmt.Fprintf(c.Out, "production in TLS  https://%s, own CA %s\n", s.Edge.Secure, s.Edge.CA)
	}
	if s.API != nil {
		fmt.Fprintf(c.Out, "other machines     %s, certificate %s\n", s.API.URL, s.API.Fingerprint)
	}
}

func edgeCommand() command {
	return command{
		name: "edge", hidden: true, short: "The data plane; 'davit serve' starts it",
		flags: func(f *pflag.FlagSet, o *options) {
			dataFlag(f, o)
			limitFlags(f, o)
			f.BoolVar(&o.tls, "tls", false, "there is a listener for TLS")
			f.BoolVar(&o.tether, "tether", false, "end when standard input does")
		},
		run: func(ctx context.Context, c *call) error {
			data, err := c.dataFolder()
			if err != nil {
				return err
			}
			return app.RunEdge(ctx, app.EdgeConfig{Data: data, Limits: c.limits, TLS: c.tls, Tether: c.tether}, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		},
	}
}
