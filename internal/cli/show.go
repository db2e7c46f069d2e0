package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
)

func showCommand() command {
	return command{
		name: "show", args: "RELEASE", short: "Show one release: its evidence, its verdict, its reason",
		min: 1, max: 1, flags: serverAndJSON, run: runShow,
	}
}

func runShow(ctx context.Context, c *call) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	for _, app := range status.Apps {
		if r, ok := app.Release(c.args[0]); ok {
			if c.json {
				return printJSON(c.Out, r)
			}
			printRelease(c.Out, r.Summary)
			printInstances(c.Out, r)
			return nil
		}
	}
	return usageErrorf("no release %q", c.args[0]).hint("'davit releases' lists them")
}

// printInstances says what runs of a release, and what it may use.
func printInstances(w io.Writer, r api.Release) {
	for _, i := range r.Instances {
		fmt.Fprintf(w, "  %-10s %s: %s, sandbox %s\n", "instance", i.ID, strings.ReplaceAll(string(i.State), "_", " "), i.Sandbox)
		for _, note := range [][2]string{{"limited", i.Limits}, {"not limited", i.Unlimited}, {"ended", i.Ended}} {
			if note[1] != "" {
				fmt.Fprintf(w, "  %-10s %s: %s\n", "", note[0], note[1])
			}
		}
	}
}

func printRelease(w io.Writer, s release.Summary) {
	fmt.Fprintf(w, "%s of %s: %s\n", s.ID, s.App, describe(s))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{name}, args...)...)
	}
	line("plan", "%s", s.Plan)
	line("image", "%s@%s", s.Image.Repository, s.Image.Digest)
	if s.Revision != "" {
		line("commit", "%s", s.Revision)
	}
	line("submitted", "%s by %s", s.Submitted.Local().Format(time.RFC3339), s.Actor)
	line("running", "%s", (time.Duration(s.Elapsed) * time.Millisecond).String())
	if s.Reason != "" {
		line("reason", "%s", s.Reason)
	}
	if s.Waiting != "" {
		line("waits for", "%s", s.Waiting)
	}
	if s.NeedUnits > 0 {
		line("traffic", "needs %d more scored %s at this step", s.NeedUnits, s.Unit)
	}
	if s.Report != nil {
		printReport(w, s)
	}
	if v := s.Verdict; v != nil {
		line("verdict", "%s: E = %.4g, rolled back at %.4g; E' = %.4g, not worse at %.4g", v.Kind, v.E, v.Bound, v.MirrorE, v.MirrorBound)
		line("new", "%d of %d failed", v.Canary.Errors(), v.Canary.Total())
		line("live", "%d of %d failed", v.Stable.Errors(), v.Stable.Total())
	}
}

func printReport(w io.Writer, s release.Summary) {
	for _, check := range s.Report.Checks {
		mark := "ok  "
		if !check.Passed {
			mark = "FAIL"
		}
		fmt.Fprintf(w, "  %-10s %s %s\n", "staging", mark, check.Title())
		if !check.Passed {
			fmt.Fprintf(w, "  %-10s      %s\n", "", check.Reason())
		}
	}
}
