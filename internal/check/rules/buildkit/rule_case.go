package buildkit

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleStageCase() rule.Rule {
	return rule.Rule{
		Code:     "BK001",
		Aliases:  []string{"StageNameCasing"},
		Severity: finding.Style,
		Fix:      finding.Safe,
		Title:    "Write the names of stages in lower case",
		Why: "The case of a stage's name means nothing, but that of an image's does: with lower case throughout, " +
			"a stage is found where it is looked for and nobody takes it for something else.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, s := range d.Stages {
				if s.Name == "" || s.From.Args[2].String() == s.Name {
					continue
				}
				name := s.From.Args[2]
				p.Report(d.File, rule.Report{
					At:      name.Span(),
					Message: fmt.Sprintf("the name %s of the stage is not in lower case; write %s", name, s.Name),
					Fix:     rewrite(d, name.Text, s.Name),
				})
			}
		},
	}
}

func ruleAsCase() rule.Rule {
	return rule.Rule{
		Code:       "BK002",
		Aliases:    []string{"FromAsCasing"},
		Severity:   finding.Style,
		Fix:        finding.Safe,
		Title:      "Write FROM and AS in the same case",
		Why:        "Upper case tells the words of the language from those of the project, but only when all of them are.",
		Dockerfile: checkAsCase,
	}
}

func checkAsCase(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.Stages {
		if len(s.From.Args) != 3 {
			continue
		}
		from, as := s.From.Keyword.String(), s.From.Args[1]
		want := "AS"
		switch from {
		case strings.ToLower(from):
			want = "as"
		case strings.ToUpper(from):
		default:
			continue // which of the two the AS should be, the FROM does not say
		}
		if as.String() != want {
			p.Report(d.File, rule.Report{
				At:      as.Span(),
				Message: fmt.Sprintf("%s is not in the case of %s; write %s", as, from, want),
				Fix:     rewrite(d, as.Text, want),
			})
		}
	}
}

func ruleKeywordCase() rule.Rule {
	return rule.Rule{
		Code:     "BK004",
		Aliases:  []string{"ConsistentInstructionCasing"},
		Severity: finding.Style,
		Fix:      finding.Safe,
		Title:    "Write all instructions in the same case",
		Why: "Whoever looks for COPY with an editor or a script passes over copy and Copy. " +
			"What most of the file does is what the rest should do.",
		Dockerfile: checkKeywordCase,
	}
}

func checkKeywordCase(p *rule.Pass, d *project.Dockerfile) {
	lower, upper := 0, 0
	for _, i := range d.AST.Instructions {
		switch keyword := i.Keyword.String(); keyword {
		case strings.ToUpper(keyword):
			upper++
		case strings.ToLower(keyword):
			lower++
		}
	}
	want, name := strings.ToUpper, "upper"
	if lower > upper {
		want, name = strings.ToLower, "lower"
	}
	for _, i := range d.AST.Instructions {
		for at := i; at != nil; at = at.Trigger {
			if keyword := at.Keyword.String(); keyword != want(keyword) {
				p.Report(d.File, rule.Report{
					At:      at.Keyword.Span(),
					Message: fmt.Sprintf("%s is not in %s case, as most of the instructions are; write %s", keyword, name, want(keyword)),
					Fix:     rewrite(d, at.Keyword, want(keyword)),
				})
			}
		}
	}
}

// rewrite writes over a text, when it stands in one piece.
func rewrite(d *project.Dockerfile, text dockerfile.Text, with string) *finding.Fix {
	if !text.Contiguous() {
		return nil
	}
	return rule.SafeFix(rule.Edit(d.File, text.Span(), with))
}
