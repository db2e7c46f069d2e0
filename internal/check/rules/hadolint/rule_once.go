package hadolint

import (
	"fmt"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleOneHealthcheck() rule.Rule { return ruleOnce("DL3012", "HEALTHCHECK", finding.Error) }

func ruleOneCmd() rule.Rule { return ruleOnce("DL4003", "CMD", finding.Warning) }

func ruleOneEntrypoint() rule.Rule { return ruleOnce("DL4004", "ENTRYPOINT", finding.Error) }

// ruleOnce is for an instruction of which only the last one in a stage counts.
func ruleOnce(code, name string, severity finding.Severity) rule.Rule {
	return rule.Rule{
		Code:     code,
		Aliases:  []string{"MultipleInstructionsDisallowed"},
		Severity: severity,
		Fix:      finding.Safe,
		Title:    "Write one " + name + " in a stage",
		Why: fmt.Sprintf("Only the last %s of a stage counts. "+
			"Whoever reads or changes an earlier one works on something that has no effect.", name),
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, s := range d.All() {
				once(p, d, s, name)
			}
		},
	}
}

func once(p *rule.Pass, d *project.Dockerfile, s *project.Stage, name string) {
	var before *dockerfile.Instruction
	for _, i := range s.Instructions {
		if i.Name != name {
			continue
		}
		if before != nil {
			line, _ := d.Position(before.Start)
			p.Report(d.File, rule.Report{
				At:      i.Span,
				Message: fmt.Sprintf("this is not the first %s of the stage, and only the last one counts; remove the one on line %d", name, line),
				Fix:     rule.SafeFix(rule.Edit(d.File, lines(d, before), "")),
			})
		}
		before = i
	}
}
