package labels

import (
	"fmt"
	"maps"
	"slices"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleMissing() rule.Rule {
	return rule.Rule{
		Code:     "DL3049",
		Severity: finding.Info,
		Title:    "Set the labels that every image is to have",
		Why: "check.labels in davit.yaml names them. What looks for images by their labels, " +
			"from a registry's search to who is called at night, does not find one without.",
		Dockerfile: checkMissing,
	}
}

func checkMissing(p *rule.Pass, d *project.Dockerfile) {
	if len(p.Config.Labels) == 0 {
		return
	}
	for _, s := range d.Stages {
		if s.Used {
			continue
		}
		there := map[string]bool{}
		for at := s; at != nil; at = at.Below {
			eachOf(d, at, false, func(l label) { there[l.key.String()] = true })
		}
		for _, key := range slices.Sorted(maps.Keys(p.Config.Labels)) {
			if !there[key] {
				p.Report(d.File, rule.Report{
					At:      s.From.Span,
					Message: fmt.Sprintf("the label %q is missing; check.labels says that every image has it", key),
				})
			}
		}
	}
}

func ruleUnplanned() rule.Rule {
	return rule.Rule{
		Code:     "DL3050",
		Severity: finding.Info,
		Title:    "Set no labels but those of the schema",
		Why: "With check.strict_labels the labels in check.labels are the only ones. " +
			"Another one is mostly one of them, misspelled.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			if !p.Config.StrictLabels {
				return
			}
			each(d, func(l label) {
				if _, planned := p.Config.Labels[l.key.String()]; !planned && l.key.Known {
					p.Report(d.File, rule.Report{
						At:      l.Name.Span(),
						Message: fmt.Sprintf("the label %q is not among check.labels; add it there, or remove it", l.key),
					})
				}
			})
		},
	}
}
