package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/render"
)

func checkCommand() command {
	return command{
		name: "check", args: "[PATH…]", short: "Find what is wrong between Dockerfile, go.mod and source", max: -1,
		flags: func(f *pflag.FlagSet, o *options) {
			checkFlags(f, &o.check)
			f.BoolVar(&o.json, "json", false, "the same as --format json")
		},
		run: runCheck,
		foot: "A PATH is a file or a folder below the current module; - reads a Dockerfile from standard input.\n" +
			"davit.yaml (check:) and .hadolint.yaml say which rules count; davit.yaml comes first.",
	}
}

// checkOptions are the flags of davit check.
type checkOptions struct {
	fix, format, failOn, explain string
	baseline, writeBaseline      string
	diff, all, list, prove       bool
}

func checkFlags(f *pflag.FlagSet, o *checkOptions) {
	f.StringVar(&o.fix, "fix", "", "apply the fixes that are safe, or with --fix=unsafe all of them")
	f.Lookup("fix").NoOptDefVal = string(finding.Safe)
	f.BoolVar(&o.diff, "diff", false, "print the fixes as a diff instead of applying them")
	f.BoolVar(&o.prove, "prove", false, "with --fix: build before and after, and write only what is proved to do the same or to start")
	f.StringVar(&o.format, "format", "text", render.Names())
	f.StringVar(&o.failOn, "fail-on", "", "severity from which on the exit code is 1: error, warning, info or style\n(default: check.fail_on of davit.yaml, warning)")
	f.BoolVar(&o.all, "all", false, "turn on the rules that are off")
	f.BoolVar(&o.list, "list", false, "list the rules")
	f.StringVar(&o.explain, "explain", "", "print the page of a rule, by its code or another tool's name for it")
	f.StringVar(&o.baseline, "baseline", "", "pass over the findings that stand in this file")
	f.StringVar(&o.writeBaseline, "write-baseline", "", "write the findings into this file, for --baseline")
}

func runCheck(ctx context.Context, c *call) error {
	format, err := c.checkFormat()
	if err != nil {
		return err
	}
	switch o := c.check; {
	case o.explain != "":
		return c.explainRule(o.explain)
	case o.list:
		return c.listRules()
	case o.prove && o.fix == "":
		return usageErrorf("--prove is about --fix").hint("davit check --fix --prove")
	}
	checked, err := app.Check(ctx, app.CheckConfig{
		Paths: c.args, Stdin: c.In, FailOn: c.check.failOn, All: c.check.all, Baseline: c.check.baseline,
	})
	if err != nil {
		return err
	}
	c.warn(checked.Warnings)
	switch o := c.check; {
	case o.writeBaseline != "":
		return c.writeBaseline(checked)
	case o.diff:
		return c.printDiff(checked)
	case o.fix != "":
		if checked, err = c.applyFixes(ctx, checked); err != nil {
			return err
		}
	}
	if err := c.printFindings(format, checked); err != nil {
		return err
	}
	if checked.Failed() {
		return silent(exitFindings)
	}
	return nil
}

// checkFormat returns the format that was asked for, and refuses values that do
// not exist before anything is done.
func (c *call) checkFormat() (render.Format, error) {
	if fix := finding.Safety(c.check.fix); fix != "" && fix != finding.Safe && fix != finding.Unsafe {
		return render.Format{}, usageErrorf("--fix: %q is neither safe nor unsafe", c.check.fix)
	}
	name := c.check.format
	if c.json {
		name = "json"
	}
	for _, f := range render.Formats() {
		if f.Name == name {
			return f, nil
		}
	}
	return render.Format{}, usageErrorf("--format: %q is not one of %s", name, render.Names())
}

func (c *call) warn(warnings []error) {
	for _, w := range warnings {
		fmt.Fprintf(c.Err, "davit: warning: %v\n", w)
	}
}

// safety is that of --fix; that of --diff alone is safe.
func (c *call) safety() finding.Safety {
	if c.check.fix == "" {
		return finding.Safe
	}
	return finding.Safety(c.check.fix)
}

func (c *call) printFindings(format render.Format, checked app.Checked) error {
	err := format.Write(c.Out, c.report(checked))
	if err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	if format.Name == "text" {
		fmt.Fprintln(c.Err, c.count(checked))
	}
	for _, gone := range checked.Gone {
		fmt.Fprintf(c.Err, "%s: %s does not occur any more in %s, %s\n", c.check.baseline, gone.Code, gone.File, times(gone.Count))
	}
	return nil
}

func (c *call) report(checked app.Checked) render.Report {
	return render.Report{
		Findings: checked.Findings, Project: checked.Project, Rules: check.Rules(), FailOn: checked.Config.FailOn,
		Version: app.Version(), Folder: checked.Folder, Colored: c.Colored,
	}
}

// count is the last line: what was found, in how many files.
func (c *call) count(checked app.Checked) string {
	files := len(checked.Project.Files())
	text := fmt.Sprintf("%s in %d files", render.Summary(checked.Findings), files)
	if files == 1 {
		text = strings.TrimSuffix(text, "s")
	}
	if len(checked.Findings) > 0 {
		text = render.Summary(checked.Findings)
	}
	if checked.Hidden > 0 {
		text += fmt.Sprintf("; %d more stand in %s", checked.Hidden, c.check.baseline)
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (c *call) writeBaseline(checked app.Checked) error {
	if err := checked.WriteBaseline(c.check.writeBaseline); err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "wrote %s: %s\n", c.check.writeBaseline, render.Summary(checked.Findings))
	return nil
}

func (c *call) printDiff(checked app.Checked) error {
	_, changes := checked.Fixed(c.safety())
	if _, err := c.Out.Write(changes.Diff()); err != nil {
		return fmt.Errorf("print diff: %w", err)
	}
	return errors.Join(changes.Problems...)
}

// applyFixes writes what can be mended, with --prove only what is proved, and
// returns what is left.
func (c *call) applyFixes(ctx context.Context, checked app.Checked) (app.Checked, error) {
	fixed, changes := checked.Fixed(c.safety())
	if c.check.prove && len(changes.Files) > 0 {
		if err := c.prove(ctx, checked, changes); err != nil {
			return checked, err
		}
	}
	if err := changes.Write(); err != nil {
		return checked, err
	}
	for _, f := range changes.Fixed {
		fmt.Fprintf(c.Err, "fixed %s:%d: %s [%s]\n", f.File, f.Line, f.Message, f.Code)
	}
	return fixed, errors.Join(changes.Problems...)
}
