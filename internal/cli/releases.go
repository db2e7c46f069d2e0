package cli

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/davit-dev/davit/internal/release"
)

func releasesCommand() command {
	return command{
		name: "releases", args: "[APP]", short: "List releases, the newest first", max: 1,
		flags: serverAndJSON, run: runReleases,
	}
}

func runReleases(ctx context.Context, c *call) error {
	status, err := c.status(ctx)
	if err != nil {
		return err
	}
	all := []release.Summary{}
	for _, app := range status.Apps {
		all = append(all, app.Releases...)
	}
	slices.SortStableFunc(all, func(a, b release.Summary) int { return b.Submitted.Compare(a.Submitted) })
	if c.json {
		return printJSON(c.Out, all)
	}
	table := tabwriter.NewWriter(c.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "RELEASE\tSTATE\tSUBMITTED\tBY\tPLAN\tREASON")
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, describe(s),
			s.Submitted.Local().Format("2006-01-02 15:04:05"), s.Actor, short(s.Plan), s.Reason)
	}
	return table.Flush()
}

// short cuts a digest to what people compare by eye.
func short(digest string) string {
	const prefix = len("sha256:")
	return digest[:min(len(digest), prefix+12)]
}
