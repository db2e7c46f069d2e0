package cli

import (
	"fmt"
	"io"

	"github.com/davit-dev/davit/internal/build/recipe"
	"github.com/davit-dev/davit/internal/workshop"
)

// runPlan says how a Dockerfile would be built.
func runPlan(c *call) error {
	if c.build.Dockerfile == "" {
		return usageErrorf("--plan is about a Dockerfile").hint("davit build -f Dockerfile --plan")
	}
	plan, err := workshop.Plan(c.build.Order)
	if err != nil {
		return err
	}
	if c.json {
		err = printJSON(c.Out, plan)
	} else {
		printPlan(c.Out, plan)
	}
	if err == nil && !plan.Native() {
		return silent(exitFindings)
	}
	return err
}

func printPlan(w io.Writer, plan *recipe.Plan) {
	for _, stage := range plan.Stages {
		fmt.Fprintf(w, "%s  FROM %s\n", mark(stage.Native), stage.Base)
		for _, step := range stage.Steps {
			fmt.Fprintf(w, "  %s %4d  %s\n", mark(step.Native), step.Line, step.Text)
			if step.Reason != "" {
				fmt.Fprintf(w, "               not native: %s\n", step.Reason)
			}
		}
	}
}

func mark(native bool) string {
	if native {
		return "native"
	}
	return "other "
}
