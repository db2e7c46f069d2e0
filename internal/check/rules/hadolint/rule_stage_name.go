package hadolint

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleStageTwice() rule.Rule {
	return rule.Rule{
		Code:     "DL3024",
		Aliases:  []string{"DuplicateStageName"},
		Severity: finding.Error,
		Title:    "Give every stage its own name",
		Why: "With two stages of one name, --target and COPY --from mean the later one or the earlier one, " +
			"depending on where they stand.",
		Dockerfile: checkStageTwice,
	}
}

func checkStageTwice(p *rule.Pass, d *project.Dockerfile) {
	first := map[string]*project.Stage{}
	for _, s := range d.Stages {
		if s.Name == "" {
			continue
		}
		if other := first[s.Name]; other != nil {
			line, _ := d.Position(other.From.Start)
			name := s.From.Args[2]
			p.Report(d.File, rule.Report{
				At:      name.Span(),
				Message: fmt.Sprintf("the stage on line %d is named %q as well; give this one another name", line, name),
			})
			continue
		}
		first[s.Name] = s
	}
}

func ruleStageReserved() rule.Rule {
	return rule.Rule{
		Code:     "DL3063",
		Aliases:  []string{"ReservedStageName"},
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Do not name a stage scratch or context",
		Why: "scratch is the empty image and context the files of the build. " +
			"A stage of that name is passed over where one of them is meant, or found where it is not.",
		Dockerfile: checkStageReserved,
	}
}

func checkStageReserved(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.Stages {
		if s.Name != "scratch" && s.Name != "context" {
			continue
		}
		name := s.From.Args[2]
		r := rule.Report{
			At:      name.Span(),
			Message: fmt.Sprintf("%q has a meaning of its own to BuildKit; give the stage another name", name),
		}
		if other := name.String() + "-stage"; !isNamed(d, s) && !isStage(d, other, len(d.Stages)) && name.Contiguous() {
			r.Fix = rule.UnsafeFix(rule.Insert(d.File, name.Span().End, "-stage"))
		}
		p.Report(d.File, r)
	}
}

// isNamed says whether another line has the name of the stage, which then may
// mean the stage or not.
func isNamed(d *project.Dockerfile, s *project.Stage) bool {
	for _, other := range d.All() {
		for _, i := range other.Instructions {
			for _, flag := range i.Flags {
				if strings.Contains(strings.ToLower(flag.String()), s.Name) {
					return true
				}
			}
		}
		if other.From != nil && strings.EqualFold(other.From.Args[0].Value.String(), s.Name) {
			return true
		}
	}
	return false
}
