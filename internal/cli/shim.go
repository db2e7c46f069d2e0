package cli

import (
	"context"

	"github.com/davit-dev/davit/internal/driver/process"
)

// The two stages of an instance's supervisor; the process driver starts them
// with words of its own, so they parse nothing here.
func shimCommand() command {
	return command{
		name: "shim", hidden: true, short: "Supervise one instance; the process driver starts it", max: -1, raw: true,
		run: func(_ context.Context, c *call) error { return silent(process.ShimMain(c.args)) },
	}
}

func shimInitCommand() command {
	return command{
		name: "shim-init", hidden: true, short: "Enter an instance's root; the shim starts it", max: -1, raw: true,
		run: func(_ context.Context, c *call) error { return silent(process.InitMain(c.args)) },
	}
}
