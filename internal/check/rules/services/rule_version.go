package services

import (
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleVersion() rule.Rule {
	return rule.Rule{
		Code:     "GO423",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Leave the version of the compose file out",
		Why: "Compose has not looked at it since 2020 and warns about it at every command. " +
			"It reads like a promise about the format that nobody keeps.",
		Compose: func(p *rule.Pass, c *project.Compose) {
			for _, doc := range c.AST.Documents {
				for _, pair := range doc.Pairs {
					if pair.Key.Text == "version" && pair.Value.Kind == compose.Scalar && len(c.AST.Services) > 0 {
						p.Report(c.File, rule.Report{
							At:      dockerfile.Span{Start: pair.Key.Start, End: max(pair.Key.End, pair.Value.End)},
							Message: "version means nothing to Compose any more; take the line away",
							Fix:     removeLine(c, doc, pair),
						})
					}
				}
			}
		},
	}
}

// removeLine takes a pair of a block mapping away when it has its line to
// itself, with the empty line after it when it was the first.
func removeLine(c *project.Compose, doc *compose.Node, pair compose.Pair) *finding.Fix {
	number, _ := c.Position(pair.Key.Whole.Start)
	last, _ := c.Position(pair.Value.End)
	line, start := c.Line(number)
	if doc.Flow || number != last || len(doc.Pairs) < 2 || !pair.Value.Exact {
		return nil
	}
	before, after := line[:pair.Key.Whole.Start-start], strings.TrimLeft(line[pair.Value.End-start:], " \t")
	if strings.Trim(before, " \ufeff") != "" || after != "" && !strings.HasPrefix(after, "#") {
		return nil
	}
	start += len(before) - len(strings.TrimLeft(before, "\ufeff"))
	_, end := c.Line(number + 1)
	if next, _ := c.Line(number + 1); number == 1 && strings.TrimSpace(next) == "" {
		_, end = c.Line(number + 2)
	}
	return rule.SafeFix(rule.Edit(c.File, dockerfile.Span{Start: start, End: end}, ""))
}
