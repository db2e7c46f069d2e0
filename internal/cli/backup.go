package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
)

func backupCommand() command {
	return command{
		name: "backup", short: "Write everything that must not be lost into one file",
		flags: func(f *pflag.FlagSet, o *options) {
			dataAndJSON(f, o)
			f.StringVarP(&o.output, "output", "o", "", "the file (default davit-backup-TIME.tar.gz)")
			f.BoolVar(&o.withoutKeys, "without-keys", false, "leave out the journal's key, the edge's and the registry's password")
		},
		run: runBackup,
		foot: "The running server writes it while it serves; without one, the data folder is read. The file comes\n" +
			"into being as a whole and was read back. 'davit restore' makes a data folder of it again.",
	}
}

func runBackup(ctx context.Context, c *call) error {
	data, err := c.ownFolder()
	if err != nil {
		return err
	}
	file := c.output
	if file == "" {
		file = "davit-backup-" + time.Now().UTC().Format("20060102T150405Z") + ".tar.gz"
	}
	report, err := app.Backup(ctx, data, file, !c.withoutKeys)
	if err != nil {
		return err
	}
	if c.json {
		err = printJSON(c.Out, report)
	} else {
		fmt.Fprintf(c.Out, "%s: %s\n", report.File, inBackup(report))
	}
	if report.Keys {
		fmt.Fprintln(c.Err, "davit: it holds the keys of the data folder; keep it as you keep those")
	}
	return c.missing(report, err)
}

func inBackup(r app.BackupReport) string {
	keys := "with keys"
	if !r.Keys {
		keys = "without keys"
	}
	return fmt.Sprintf("%d journal entries, %d blobs, %d bytes, %s", r.Entries, r.Blobs, r.Bytes, keys)
}

// missing tells what was damaged when the backup was made.
func (c *call) missing(r app.BackupReport, err error) error {
	if err != nil || len(r.Missing) == 0 {
		return err
	}
	for _, digest := range r.Missing {
		fmt.Fprintf(c.Err, "davit: not in the backup, since it is damaged or gone: %s\n", digest)
	}
	fmt.Fprintln(c.Err, "davit: hint: push the images again, which brings back what is gone; 'davit registry scrub' names them")
	return silent(exitFindings)
}
