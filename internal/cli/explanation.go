package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/analysis"
	"github.com/davit-dev/davit/internal/release/others"
)

func explainCommand() command {
	return command{
		name: "explain", args: "RELEASE", short: "Show how the evidence about a release grew, and what other rules would have done",
		min: 1, max: 1, flags: serverAndJSON, run: runExplainRelease,
		foot: "The journal is replayed, also for a release under way. E is evidence that the version is worse,\n" +
			"E' that it is not. Exit code 3 when the replay comes to another verdict than the journal has.",
	}
}

func runExplainRelease(ctx context.Context, c *call) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	x, err := client.Explain(ctx, c.args[0])
	if err != nil {
		return err
	}
	if c.json {
		err = printJSON(c.Out, x)
	} else {
		printExplanation(c.Out, x)
	}
	if err == nil && !x.Agrees {
		err = fmt.Errorf("the journal has the verdict %q, and the replay another one", x.Journaled.Kind)
	}
	return err
}

func printExplanation(w io.Writer, x release.Explanation) {
	fmt.Fprintf(w, "%s of %s: %s\n", x.Release, x.App, strings.ReplaceAll(cmp.Or(string(x.Outcome), string(x.Phase)), "_", " "))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{name}, args...)...)
	}
	if x.Reason != "" {
		line("reason", "%s", x.Reason)
	}
	if x.Compacted {
		line("verdict", "%s", strings.ReplaceAll(string(x.Verdict.Kind), "_", " "))
		line("evidence", "compacted: the journal keeps its hashes and what it came to, and nothing to replay")
		return
	}
	v := x.Verdict
	switch {
	case v == nil && x.Phase == release.PhaseEnded:
		line("verdict", "none: there was nothing to compare with")
		return
	case v == nil:
		line("verdict", "none yet: no requests were compared")
		return
	}
	line("verdict", "%s: E = %.4g, rolled back at %.4g; E' = %.4g, not worse at %.4g", v.Kind, v.E, v.Bound, v.MirrorE, v.MirrorBound)
	line("journal", "%s", journaled(x))
	if v.Split >= v.SplitBound {
		line("split", "not the promised one (E = %.4g): what was earned under it is discarded", v.Split)
	}
	line("decided", "%s", decided(x))
	for _, c := range x.Components {
		line("moved by", "%s since step %d: E = %.4g", c.Name, c.Step+1, exp(c.LogE))
	}
	for _, p := range x.Parts {
		line("", "%-13s %-12s %6d units, ln E %+.2f", map[bool]string{true: "new version", false: "live version"}[p.Canary], p.Class, p.Units, p.LogE)
	}
	printChart(w, x)
	printOthers(w, x)
}

// journaled says how the replay stands to what was written down.
func journaled(x release.Explanation) string {
	switch {
	case x.Journaled == nil:
		return "says nothing of it yet"
	case x.Agrees:
		return "has the same verdict"
	default:
		return fmt.Sprintf("has another one: %s, E = %.4g", x.Journaled.Kind, x.Journaled.E)
	}
}

func decided(x release.Explanation) string {
	v := x.Verdict
	if d := x.Decided; d != nil {
		text := fmt.Sprintf("%s after %s and %d requests", d.Kind, elapsed(d.Elapsed), d.Units)
		if v.Kind != d.Kind {
			text += fmt.Sprintf(", %s since", v.Kind)
		}
		return text
	}
	text := fmt.Sprintf("not yet: needs %s more requests for worse, %s for not worse", needed(v.NeedsWorse), needed(v.NeedsNotWorse))
	if x.Remaining > 0 {
		text += ", about " + elapsed(x.Remaining) + " at this rate"
	}
	return text
}

func needed(n int64) string {
	if n >= 1_000_000_000 {
		return "endlessly many"
	}
	return fmt.Sprintf("about %d", n)
}

func elapsed(ms int64) string {
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}

// printOthers says what other rules would have done.
func printOthers(w io.Writer, x release.Explanation) {
	fmt.Fprintf(w, "\nthe same traffic by other tools' rules, errors alone, minute by minute (%d):\n", x.Minutes)
	for _, r := range x.Others {
		text := "goes on"
		switch r.Action {
		case others.RollBack:
			text = fmt.Sprintf("rolled back after minute %d", r.Minute)
		case others.Pause:
			text = fmt.Sprintf("paused after minute %d", r.Minute)
		case others.Go:
			if x.Decided != nil && x.Decided.Kind == analysis.Worse {
				text = "had not noticed anything"
			}
		}
		fmt.Fprintf(w, "  %-14s %s\n", r.Rule, text)
	}
}
