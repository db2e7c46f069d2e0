package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/davit-dev/davit/internal/app"
)

func auditCommand() command {
	return command{
		name: "audit", args: "list|verify [FILE|DIR]", short: "List the journal, or prove that it is whole", min: 1, max: 2,
		flags: dataAndJSON,
		run:   runAudit,
		foot: "list reads from the running server. verify reads the journal of the running server, or offline the\n" +
			"one in a data folder or file, and holds it against every checkpoint that 'davit ship' has kept.",
	}
}

func runAudit(ctx context.Context, c *call) error {
	switch c.args[0] {
	case "list":
		return c.auditList(ctx)
	case "verify":
		return c.auditVerify(ctx)
	}
	return usageErrorf("davit audit takes list or verify, not %q", c.args[0])
}

func (c *call) auditList(ctx context.Context) error {
	data, err := c.dataFolder()
	if err != nil {
		return err
	}
	entries, err := app.JournalEntries(ctx, data)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, entries)
	}
	table := tabwriter.NewWriter(c.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "INDEX\tTIME\tAPP\tRELEASE\tKIND\tBY")
	for _, e := range entries {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", e.Index,
			e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), dash(e.App), dash(e.Release), e.Kind, e.Actor)
	}
	return table.Flush()
}

func (c *call) auditVerify(ctx context.Context) error {
	data, err := c.dataFolder()
	if err != nil {
		return err
	}
	target := ""
	if len(c.args) > 1 {
		target = c.args[1]
	}
	report, err := app.VerifyJournal(ctx, data, target)
	if err != nil {
		return err
	}
	if c.json {
		err = printJSON(c.Out, report)
	} else if report.OK {
		fmt.Fprintf(c.Out, "the journal is whole: %d entries, root %s, %d kept checkpoints agree\n",
			report.Size, report.Root, report.Known)
	} else {
		fmt.Fprintf(c.Out, "the journal is NOT whole: %s\n", report.Reason)
	}
	if err == nil && !report.OK {
		return silent(exitFindings)
	}
	return err
}
