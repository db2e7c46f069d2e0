package cli

import (
	"context"
	"errors"
	"fmt"

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
			f.BoolVar(&o.fix, "fix", false, "apply the safe fixes")
			f.BoolVar(&o.unsafe, "unsafe", false, "with --fix or --diff: the unsafe fixes too")
			f.BoolVar(&o.diff, "diff", false, "print the fixes as a diff instead of applying them")
			f.StringVar(&o.format, "format", "text", "text or json")
			f.BoolVar(&o.json, "json", false, "the same as --format json")
			f.StringVar(&o.failOn, "fail-on", "", "severity from which on the exit code is 1: error, warning, info or style\n(default: check.fail_on of davit.yaml, warning)")
			f.BoolVar(&o.all, "list", false, "list the rules")
		},
		run:  runCheck,
		foot: "A PATH is a file or a folder below the current module; - reads a Dockerfile from standard input.",
	}
}

func runCheck(ctx context.Context, c *call) error {
	if c.all {
		return c.listRules()
	}
	if c.json {
		c.format = "json"
	}
	if c.format != "text" && c.format != "json" {
		return usageErrorf("--format: %q is neither text nor json", c.format)
	}
	checked, err := app.Check(ctx, app.CheckConfig{Paths: c.args, Stdin: c.In, FailOn: c.failOn})
	if err != nil {
		return err
	}
	switch {
	case c.diff:
		return c.printDiff(checked)
	case c.fix:
		if checked, err = c.applyFixes(checked); err != nil {
			return err
		}
	}
	if c.format == "json" {
		err = render.JSON(c.Out, render.Report{Findings: checked.Findings})
	} else {
		err = render.Text(c.Out, render.Report{Findings: checked.Findings, Project: checked.Project, Colored: c.Terminal})
	}
	if err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	if checked.Failed() {
		return silent(exitFindings)
	}
	return nil
}

func (c *call) safety() finding.Safety {
	if c.unsafe {
		return finding.Unsafe
	}
	return finding.Safe
}

func (c *call) printDiff(checked app.Checked) error {
	changes := check.Apply(checked.Project, checked.Config, c.safety())
	_, err := c.Out.Write(changes.Diff())
	if err != nil {
		return fmt.Errorf("print diff: %w", err)
	}
	return nil
}

// applyFixes writes what can be mended and returns what is left.
func (c *call) applyFixes(checked app.Checked) (app.Checked, error) {
	changes := check.Apply(checked.Project, checked.Config, c.safety())
	if err := changes.Write(); err != nil {
		return checked, err
	}
	for _, change := range changes.Files {
		fmt.Fprintf(c.Err, "fixed %s\n", change.Path)
	}
	checked.Project, checked.Findings = changes.Project, changes.Findings
	return checked, errors.Join(changes.Problems...)
}

func (c *call) listRules() error {
	for _, rule := range check.Rules() {
		fmt.Fprintf(c.Out, "%-8s %-8s %s\n", rule.Code, rule.Severity, rule.Title)
	}
	return nil
}
