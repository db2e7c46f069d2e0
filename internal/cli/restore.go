package cli

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
)

func restoreCommand() command {
	return command{
		name: "restore", args: "FILE", short: "Make a data folder of a backup, or only check the backup", min: 1, max: 1,
		flags: func(f *pflag.FlagSet, o *options) {
			dataAndJSON(f, o)
			f.BoolVar(&o.verify, "verify", false, "only read the backup: every sum, the journal, its checkpoint")
		},
		run: runRestore,
		foot: "The data folder must be empty, or not there. It comes into being as a whole, or not at all. The next\n" +
			"'davit serve' starts the live releases.",
	}
}

func runRestore(ctx context.Context, c *call) error {
	data, err := c.dataFolder()
	if err != nil {
		return err
	}
	do := app.Restore
	if c.verify {
		do = app.VerifyBackup
	}
	report, err := do(ctx, c.args[0], data)
	if err != nil {
		return err
	}
	if c.json {
		err = printJSON(c.Out, report)
	} else {
		c.printRestored(report)
	}
	if report.Seen != nil {
		fmt.Fprintf(c.Err, "davit: this is not all that you have seen of %s: %s\n", data, report.Reason)
		fmt.Fprintln(c.Err, "davit: hint: 'davit ship' will refuse the server until you remove the checkpoints that it names")
	}
	if !report.Keys && report.Data != "" {
		fmt.Fprintf(c.Err, "davit: hint: put journal.key into %s; without it the journal cannot be continued\n", report.Data)
	}
	return c.missing(report.BackupReport, err)
}

func (c *call) printRestored(r app.RestoreReport) {
	where := "the backup is whole"
	if r.Data != "" {
		where = "restored into " + r.Data
	}
	fmt.Fprintf(c.Out, "%s: %s, made %s by davit %s\n", where, inBackup(r.BackupReport), r.Made.Format("2006-01-02 15:04:05 MST"), r.Davit)
}
