package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/davit-dev/davit/internal/app"
)

func auditCommand() command {
	return command{
		name: "audit", args: "list|verify [FILE|DIR]|prove INDEX", short: "List the journal, prove that it is whole, or that an entry is in it", min: 1, max: 2,
		flags: serverAndJSON,
		run:   runAudit,
		foot: "list reads from the running server. verify reads the journal of the running server, or offline the\n" +
			"one in a data folder or file, and holds it against every checkpoint that 'davit ship' has kept. prove\n" +
			"prints a proof for one entry, as JSON; verify checks it offline, under the key that is known here.",
	}
}

func runAudit(ctx context.Context, c *call) error {
	switch c.args[0] {
	case "list":
		return c.auditList(ctx)
	case "verify":
		return c.auditVerify(ctx)
	case "prove":
		return c.auditProve(ctx)
	}
	return usageErrorf("davit audit takes list, verify or prove, not %q", c.args[0])
}

func (c *call) auditProve(ctx context.Context) error {
	if len(c.args) < 2 {
		return usageErrorf("davit audit prove takes the index of an entry").hint("'davit audit list' shows them")
	}
	index, err := strconv.ParseInt(c.args[1], 10, 64)
	if err != nil {
		return usageErrorf("%q is not the index of an entry", c.args[1]).hint("'davit audit list' shows them")
	}
	at, err := c.address()
	if err != nil {
		return err
	}
	proof, err := app.ProveEntry(ctx, at, index)
	if err != nil {
		return err
	}
	return printJSON(c.Out, proof)
}

func (c *call) verifyProof(at app.Address, file string) error {
	report, err := app.VerifyProof(at, file)
	if err != nil {
		return err
	}
	if !report.Pinned {
		fmt.Fprintln(c.Err, "davit: no key of this journal is known here: the proof was checked under its own")
	}
	if c.json {
		return printJSON(c.Out, report)
	}
	what := "was compacted"
	if e := report.Entry; !report.Compacted {
		what = strings.TrimSpace(fmt.Sprintf("%s %s by %s, %s", e.Kind, e.Release, e.Actor, e.Time.UTC().Format("2006-01-02T15:04:05.000Z")))
	}
	fmt.Fprintf(c.Out, "entry %d is in the journal: %s; it is under the checkpoint of %s\n", report.Entry.Index, what, report.Checkpoint)
	return nil
}

func (c *call) auditList(ctx context.Context) error {
	at, err := c.address()
	if err != nil {
		return err
	}
	entries, err := app.JournalEntries(ctx, at)
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
	at, err := c.address()
	if err != nil {
		return err
	}
	target := ""
	if len(c.args) > 1 {
		target = c.args[1]
	}
	if app.IsProof(target) {
		return c.verifyProof(at, target)
	}
	report, err := app.VerifyJournal(ctx, at, target)
	if err != nil {
		return err
	}
	if c.json {
		err = printJSON(c.Out, report)
	} else if report.OK {
		fmt.Fprintf(c.Out, "the journal is whole: %d entries, root %s, %d kept checkpoints agree\n",
			report.Size, report.Root, report.Known)
		if report.Compacted > 0 {
			fmt.Fprintf(c.Out, "%d of them are compacted: their hashes are proved, their content is gone\n", report.Compacted)
		}
	} else {
		fmt.Fprintf(c.Out, "the journal is NOT whole: %s\n", report.Reason)
	}
	if err == nil && !report.OK {
		return silent(exitFindings)
	}
	return err
}
