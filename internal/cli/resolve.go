package cli

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/workshop"
)

func resolveCommand() command {
	return command{
		name: "resolve", short: "Print manifests with images built in the place of ko://IMPORTPATH",
		flags: func(f *pflag.FlagSet, o *options) {
			buildFlags(f, &o.build)
			f.StringSliceVarP(&o.files, "filename", "f", nil, "files and folders; - is standard input")
			f.BoolVarP(&o.recursive, "recursive", "R", false, "with the folders below")
		},
		run: runResolve,
	}
}

func runResolve(ctx context.Context, c *call) error {
	if len(c.files) == 0 {
		return usageErrorf("davit resolve needs -f").hint("davit resolve -f config/ --repo REGISTRY/REPOSITORY")
	}
	show := newSteps(c.Stdio)
	order := c.build.Order
	order.Davit, order.Password = app.Version(), c.password
	order.Progress = func(e build.Event) { show.event(e) }
	defer show.end()
	return workshop.Resolve(ctx, workshop.Resolving{Order: order, Files: c.files, Recursive: c.recursive, In: c.In, Out: c.Out})
}
