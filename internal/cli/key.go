package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/workshop"
)

func keyCommand() command {
	return command{
		name: "key", args: "[DIR]", short: "Make a key to sign images with: davit.key and davit.pub", max: 1,
		run: runKey,
	}
}

func runKey(_ context.Context, c *call) error {
	private, public, err := workshop.GenerateKey(c.folder())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s signs: davit build --sign-key %s\n%s verifies: cosign verify --key %s --insecure-ignore-tlog=true REF\n",
		private, private, public, public)
	return nil
}
