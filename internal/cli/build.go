package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/build"
)

func buildCommand() command {
	return command{
		name: "build", args: "[DIR or PACKAGE]", short: "Build the service's image; prints name@sha256:…", max: 1,
		flags: func(f *pflag.FlagSet, o *options) {
			f.StringVar(&o.repo, "repo", os.Getenv("DAVIT_REPO"), "repository to push to, such as registry.example/orders (default $DAVIT_REPO)")
			f.BoolVar(&o.push, "push", true, "push when there is a repository")
			f.StringVar(&o.layout, "oci-layout", "", "write an OCI image layout into this folder")
			jsonFlag(f, o)
		},
		run: runBuild,
	}
}

func runBuild(ctx context.Context, c *call) error {
	show := newSteps(c.Stdio)
	built, err := app.BuildFolder(ctx, app.BuildConfig{
		Target: c.folder(), Repo: c.repo, Push: c.push, Layout: c.layout,
		Progress: func(e build.Event) { show.event(e) },
	})
	show.end()
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, built)
	}
	fmt.Fprintf(c.Out, "%s@%s\n", built.Name, built.Digest)
	return nil
}
