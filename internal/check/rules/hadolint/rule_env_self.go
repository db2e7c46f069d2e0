package hadolint

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleEnvSelf() rule.Rule {
	return rule.Rule{
		Code:     "DL3044",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Do not use a variable in the ENV that sets it",
		Why: "All values of an ENV are put together before any of its variables is set: " +
			"a variable of the same line is empty there, or still has the value from before.",
		Dockerfile: checkEnvSelf,
	}
}

func checkEnvSelf(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.All() {
		earlier := map[string]bool{} // set by an ENV or ARG above
		for at := s.Below; at != nil; at = at.Below {
			for _, i := range at.Instructions {
				declare(earlier, i)
			}
		}
		for _, i := range s.Instructions {
			if in := inner(i); in.Name == "ENV" && len(in.Args) > 1 {
				envSelf(p, d, i, earlier)
			}
			declare(earlier, inner(i))
		}
	}
}

func declare(names map[string]bool, i *dockerfile.Instruction) {
	if i.Name == "ENV" || i.Name == "ARG" {
		for _, a := range i.Assignments() {
			names[a.Name.String()] = true
		}
	}
}

func envSelf(p *rule.Pass, d *project.Dockerfile, outer *dockerfile.Instruction, earlier map[string]bool) {
	i := inner(outer)
	assignments := i.Assignments()
	if len(assignments) != len(i.Args) {
		return // the form of one name and one value
	}
	for k, a := range assignments {
		for _, r := range dockerfile.References(a.Value, d.AST.Escape) {
			name := r.Name.String()
			if earlier[name] || !setBeside(assignments, k, name) {
				continue
			}
			report := rule.Report{
				At:      r.Span(),
				Message: fmt.Sprintf("%s does not have its new value in the ENV that sets it; set it in an ENV before", name),
			}
			if setBeside(assignments[:k], -1, name) {
				report.Fix = splitEnv(d, outer, k)
			}
			p.Report(d.File, report)
			break
		}
	}
}

// setBeside says whether another assignment than the one at k sets a variable.
// Of two that set the same, the first one may well use what was there before.
func setBeside(assignments []dockerfile.Assignment, k int, name string) bool {
	for j, a := range assignments {
		if a.Name.String() == name && j != k && (j < k || k < 0 || assignments[k].Name.String() != name) {
			return true
		}
	}
	return false
}

// splitEnv begins a new ENV with the word at k. Comments between the lines stay.
func splitEnv(d *project.Dockerfile, outer *dockerfile.Instruction, k int) *finding.Fix {
	i := inner(outer)
	head := d.Source[outer.Start:i.Args[0].Span().Start]
	from, to := i.Args[k-1].Span().End, i.Args[k].Span().Start
	between := d.Source[from:to]
	if strings.ContainsAny(head, "\r\n") || !i.Args[k].Contiguous() {
		return nil
	}
	first, _, several := strings.Cut(between, "\n")
	if !several {
		return rule.SafeFix(rule.Edit(d.File, dockerfile.Span{Start: from, End: to}, d.Newline()+head))
	}
	indent := from + strings.LastIndexByte(between, '\n') + 1
	line := dockerfile.Span{Start: from, End: from + len(strings.TrimRight(first, "\r"))}
	return rule.SafeFix(rule.Edit(d.File, line, ""), rule.Edit(d.File, dockerfile.Span{Start: indent, End: to}, head))
}
