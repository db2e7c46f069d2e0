package cli

import (
	"context"
	"fmt"

	"github.com/davit-dev/davit/internal/workshop"
)

// runExplain prints why two images differ.
func runExplain(ctx context.Context, c *call) error {
	images := append(c.build.explain, c.args...)
	if len(images) != 2 {
		return usageErrorf("--explain takes two images, not %d", len(images)).
			hint("davit build --explain A B; each is a reference, an OCI layout or an archive")
	}
	differences, err := workshop.Explain(ctx, images[0], images[1])
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, differences)
	}
	if len(differences) == 0 {
		fmt.Fprintln(c.Out, "the images are the same")
	}
	for _, d := range differences {
		fmt.Fprintln(c.Out, d)
	}
	return nil
}
