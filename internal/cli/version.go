package cli

import (
	"context"
	"fmt"
	"runtime"

	"github.com/davit-dev/davit/internal/app"
)

func versionCommand() command {
	return command{
		name: "version", short: "Print davit's version", flags: jsonFlag,
		run: func(_ context.Context, c *call) error {
			if c.json {
				return printJSON(c.Out, map[string]string{
					"version": app.Version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			fmt.Fprintf(c.Out, "davit %s (%s, %s/%s)\n", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
