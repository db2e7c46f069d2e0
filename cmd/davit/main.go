// Command davit takes a Go service from source to production and, when the new
// version is worse, takes it back.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/davit-dev/davit/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Standard())
	stop()
	os.Exit(code)
}
