package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/release"
)

func demoCommand() command {
	return command{
		name: "demo", short: "A tour: a good version, a bad one that is rolled back, a mended one",
		flags: func(f *pflag.FlagSet, o *options) {
			jsonFlag(f, o)
			f.BoolVar(&o.keep, "keep", false, "leave the platform running until Ctrl-C")
		},
		run: runDemo,
	}
}

func runDemo(ctx context.Context, c *call) error {
	logFile, err := os.CreateTemp("", "davit-demo-*.log")
	if err != nil {
		return fmt.Errorf("open a log for the tour: %w", err)
	}
	defer os.Remove(logFile.Name())
	defer logFile.Close()
	show := newProgress(c.Stdio, false)
	result, err := app.Demo(ctx, app.DemoConfig{
		Keep: c.keep, Output: logFile, Progress: show.event,
		Say: func(format string, args ...any) { show.end(); fmt.Fprintf(c.Err, format+"\n", args...) },
	})
	show.end()
	if err != nil && ctx.Err() == nil {
		c.printLog(logFile)
	}
	if err != nil {
		return err
	}
	if c.json {
		return c.demoEnd(result, printJSON(c.Out, result))
	}
	return c.demoEnd(result, c.demoTable(result))
}

// printLog shows the end of what the platform wrote, since it does not outlive
// the tour.
func (c *call) printLog(logFile *os.File) {
	const shown = 8 << 10
	info, err := logFile.Stat()
	if err != nil {
		return
	}
	_, _ = io.Copy(c.Err, io.NewSectionReader(logFile, max(0, info.Size()-shown), shown)) // best effort
}

func (c *call) demoTable(result app.DemoResult) error {
	fmt.Fprintln(c.Out)
	table := tabwriter.NewWriter(c.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tOUTCOME\tSECONDS\tREQUESTS\tFAILED\tE")
	for _, one := range result.Releases {
		e := "-"
		if one.E != nil {
			e = fmt.Sprintf("%.4g", *one.E)
		}
		fmt.Fprintf(table, "%s\t%s\t%.1f\t%s\t%s\t%s\n", one.Version,
			strings.ReplaceAll(string(one.Outcome), "_", " "), one.Seconds, counts(one.Requests), counts(one.Failed), e)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	fmt.Fprintf(c.Out, "\nfailed requests on good versions: %d\n", result.FailedOnGoodVersions)
	return nil
}

func counts(byVersion map[string]int64) string {
	if len(byVersion) == 0 {
		return "0"
	}
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(byVersion)) {
		parts = append(parts, fmt.Sprintf("%s %d", version, byVersion[version]))
	}
	return strings.Join(parts, ", ")
}

// demoEnd fails when the tour did not end as it should.
func (c *call) demoEnd(result app.DemoResult, printed error) error {
	if printed != nil {
		return printed
	}
	want := []release.Outcome{release.Live, release.RolledBack, release.Live}
	for i, one := range result.Releases {
		if one.Outcome != want[i] {
			return &exitError{code: exitFindings, message: fmt.Sprintf("%s ended %s, not %s", one.Version, one.Outcome, want[i])}
		}
	}
	if n := result.FailedOnGoodVersions; n > 0 {
		return &exitError{code: exitFindings, message: fmt.Sprintf("%d requests failed on good versions", n)}
	}
	return nil
}
