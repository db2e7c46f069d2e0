package cli

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/render"
)

func ciCommand() command {
	return command{
		name: "ci", short: "What a change must pass: check, go vet, go test and build; the same here and in CI",
		flags: func(f *pflag.FlagSet, o *options) {
			f.StringVar(&o.check.failOn, "fail-on", "", "severity of findings from which on the check fails\n(default: check.fail_on of davit.yaml, warning)")
			f.StringVar(&o.check.baseline, "baseline", "", "pass over the findings that stand in this file")
			jsonFlag(f, o)
		},
		run: runCI,
		foot: "All steps run, also after one has failed. The exit code is 1 when one did, 3 when one could not run.\n" +
			"With GITHUB_ACTIONS=true what was found is annotated in the files of a pull request.",
	}
}

func runCI(ctx context.Context, c *call) error {
	show := newProgress(c.Stdio, false)
	steps, err := app.CI(ctx, app.CIConfig{
		Check: app.CheckConfig{Dir: ".", FailOn: c.check.failOn, Baseline: c.check.baseline},
		Begun: func(name string) {
			if c.Terminal {
				show.rewrite(fmt.Sprintf("%-8s    …", name))
			}
		},
		Ended: func(s app.CIStep) {
			show.erase()
			c.showStep(s)
		},
	})
	show.erase()
	if err != nil {
		return err
	}
	if c.json {
		if err := printJSON(c.Out, ciReport(steps)); err != nil {
			return err
		}
	}
	return silent(ciCode(steps))
}

// showStep prints what came of a step as soon as it is known: a line, and what
// is wrong as the tools say it.
func (c *call) showStep(s app.CIStep) {
	c.warn(s.Checked.Warnings)
	fmt.Fprintln(c.Err, ciLine(s))
	if c.json {
		return
	}
	if len(s.Checked.Findings) > 0 {
		_ = render.Text(c.Out, c.report(s.Checked)) // standard output that is gone ends the command elsewhere
	}
	fmt.Fprint(c.Out, s.Output)
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		c.annotate(s)
	}
}

func ciLine(s app.CIStep) string {
	word, detail := "passed", s.Detail
	switch {
	case s.Skipped != "":
		return fmt.Sprintf("%-8s %7s  skipped: %s", s.Name, "", s.Skipped)
	case s.Err != nil && ciFailed(s.Err):
		word = "failed"
	case s.Err != nil:
		word, detail = "could not run", s.Err.Error()
	}
	if s.Err != nil && detail == "" {
		detail = s.Err.Error()
	}
	return strings.TrimSuffix(fmt.Sprintf("%-8s %6.1fs  %s: %s", s.Name, s.Took.Seconds(), word, detail), ": ")
}

// annotate shows what was found at its place in a pull request.
func (c *call) annotate(s app.CIStep) {
	_ = render.GitHub(c.Out, c.report(s.Checked)) // as above
	for _, p := range s.Places {
		fmt.Fprintln(c.Out, render.Annotation{
			Severity: finding.Error, File: path.Join(s.Folder, p.File), Line: p.Line, Column: p.Column,
			Title: "davit ci: " + s.Name, Message: p.Message,
		})
	}
	if s.Err != nil && len(s.Places) == 0 && len(s.Checked.Findings) == 0 {
		fmt.Fprintln(c.Out, render.Annotation{Severity: finding.Error, Title: "davit ci: " + s.Name, Message: s.Err.Error()})
	}
}

// ciFailed says whether an error is about what was looked at.
func ciFailed(err error) bool { return codeOf(err) == exitFindings }

// ciCode is the exit code of all steps: that something is wrong comes before that
// something could not be done.
func ciCode(steps []app.CIStep) int {
	code := exitDone
	for _, s := range steps {
		switch {
		case s.Err == nil:
		case ciFailed(s.Err):
			return exitFindings
		case code == exitDone:
			code = codeOf(s.Err)
		}
	}
	return code
}

// ciStep is a step in the report of --json.
type ciStep struct {
	Name     string          `json:"name"`
	Passed   bool            `json:"passed"`
	Skipped  string          `json:"skipped,omitempty"`
	Detail   string          `json:"detail,omitempty"`
	Seconds  float64         `json:"seconds"`
	Error    string          `json:"error,omitempty"`
	Output   string          `json:"output,omitempty"`
	Places   []app.Place     `json:"places,omitempty"`
	Findings []check.Finding `json:"findings,omitempty"`
}

func ciReport(steps []app.CIStep) any {
	report := struct {
		Version int      `json:"version"`
		Passed  bool     `json:"passed"`
		Steps   []ciStep `json:"steps"`
	}{Version: 1, Passed: ciCode(steps) == exitDone, Steps: []ciStep{}}
	for _, s := range steps {
		step := ciStep{
			Name: s.Name, Passed: s.Err == nil, Skipped: s.Skipped, Detail: s.Detail, Seconds: s.Took.Seconds(),
			Output: s.Output, Places: s.Places, Findings: s.Checked.Findings,
		}
		if s.Err != nil {
			step.Error = s.Err.Error()
		}
		report.Steps = append(report.Steps, step)
	}
	return report
}
