package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/app"
)

func registryCommand() command {
	return command{
		name: "registry", args: "scrub", short: "Read everything in the registry and find what is damaged", min: 1, max: 1,
		flags: dataAndJSON,
		run:   runRegistry,
		foot: "scrub sets aside what is not what its digest says: nothing serves it any more, and a push of the\n" +
			"same image heals it. It reads the registry of the running server, or offline the one in the data folder.",
	}
}

func runRegistry(ctx context.Context, c *call) error {
	if c.args[0] != "scrub" {
		return usageErrorf("davit registry takes scrub, not %q", c.args[0])
	}
	data, err := c.ownFolder()
	if err != nil {
		return err
	}
	found, err := app.ScrubRegistry(ctx, data)
	if err != nil {
		return err
	}
	if c.json {
		err = printJSON(c.Out, found)
	} else {
		c.printScrub(found)
	}
	if err == nil && len(found.Damaged) > 0 {
		return silent(exitFindings)
	}
	return err
}

func (c *call) printScrub(found api.Scrub) {
	for _, d := range found.Damaged {
		what := "is damaged and was set aside"
		if d.Missing {
			what = "is missing"
		}
		if d.Repository != "" {
			what += fmt.Sprintf("; %s has it", d.Repository)
		}
		if len(d.Manifests) > 0 {
			what += ", for " + strings.Join(d.Manifests, " ")
		}
		fmt.Fprintf(c.Out, "%s %s\n", d.Digest, what)
	}
	if len(found.Damaged) > 0 {
		fmt.Fprintf(c.Err, "davit: hint: push the image again, which brings back what is gone\n")
		return
	}
	fmt.Fprintf(c.Out, "the registry is whole: %d blobs, %d bytes\n", found.Blobs, found.Bytes)
}
