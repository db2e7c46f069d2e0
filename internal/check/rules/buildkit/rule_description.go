package buildkit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleDescription() rule.Rule {
	return rule.Rule{
		Code:     "BK010",
		Aliases:  []string{"InvalidDefinitionDescription"},
		Severity: finding.Info,
		Off:      true,
		Fix:      finding.Safe,
		Title:    "Begin the description of a stage or argument with its name",
		Why: "`docker build --call=outline` and `--call=targets` show the comment right above an ARG or a named stage as its description, " +
			"when it begins with the name.",
		Dockerfile: checkDescription,
	}
}

func checkDescription(p *rule.Pass, d *project.Dockerfile) {
	comments := map[int]string{} // by line
	for _, token := range d.AST.Tokens {
		if token.Kind == dockerfile.Comment {
			line, _ := d.Position(token.Start)
			comments[line] = strings.TrimSpace(strings.TrimLeft(d.Source[token.Start:token.End], "#"))
		}
	}
	for _, i := range d.AST.Instructions {
		names := defined(i)
		line, column := d.Position(i.Start)
		comment := comments[line-1]
		if len(names) == 0 || comment == "" || isForTool(comment) {
			continue
		}
		first, _, _ := strings.Cut(comment, " ")
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, first) }) {
			continue
		}
		p.Report(d.File, rule.Report{
			At:      i.Span,
			Message: fmt.Sprintf("the comment above is taken for the description of %s; begin it with the name, or leave a line empty", names[0]),
			Fix:     rule.SafeFix(rule.Insert(d.File, i.Start-column+1, d.Newline())),
		})
	}
}

// defined returns the names that a FROM or ARG defines.
func defined(i *dockerfile.Instruction) []string {
	switch {
	case i.Name == "FROM" && len(i.Args) == 3:
		return []string{i.Args[2].String()}
	case i.Name == "ARG":
		var names []string
		for _, a := range i.Assignments() {
			names = append(names, a.Name.String())
		}
		return names
	}
	return nil
}

// isForTool says that a comment is not for people.
func isForTool(comment string) bool {
	return slices.ContainsFunc([]string{"davit ", "hadolint ", "check=", "trivy:", "checkov:", "nosemgrep"}, func(prefix string) bool {
		return strings.HasPrefix(comment, prefix)
	})
}
