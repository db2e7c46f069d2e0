package buildkit

import (
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleEmptyLine() rule.Rule {
	return rule.Rule{
		Code:     "BK003",
		Aliases:  []string{"NoEmptyContinuation"},
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Leave no empty line in an instruction",
		Why: "An empty line looks like the end of an instruction. Docker passes over it for now and has said that it will not for ever: " +
			"then the next line is an instruction of its own.",
		Dockerfile: checkEmptyLine,
	}
}

func checkEmptyLine(p *rule.Pass, d *project.Dockerfile) {
	var empty []dockerfile.Span // lines of the instruction so far
	start, goesOn, comment := 0, false, false
	for _, token := range d.AST.Tokens {
		switch token.Kind {
		case dockerfile.Code:
			goesOn = false
		case dockerfile.Comment:
			comment = true
		case dockerfile.Continuation:
			start, goesOn, comment = token.End, true, false
		case dockerfile.Newline:
			if goesOn && !comment {
				empty = join(empty, dockerfile.Span{Start: start, End: token.End})
			}
			if !goesOn {
				emptyLines(p, d, empty)
				empty = nil
			}
			start, comment = token.End, false
		case dockerfile.BOM, dockerfile.Blank, dockerfile.DirectiveLine, dockerfile.HeredocBody, dockerfile.HeredocEnd, dockerfile.Unread:
		}
	}
	emptyLines(p, d, empty)
}

func emptyLines(p *rule.Pass, d *project.Dockerfile, lines []dockerfile.Span) {
	if len(lines) == 0 {
		return
	}
	var edits []finding.Edit
	for _, line := range lines {
		edits = append(edits, rule.Edit(d.File, line, ""))
	}
	p.Report(d.File, rule.Report{
		At:      dockerfile.Span{Start: lines[0].Start, End: lines[0].Start},
		Message: "there is an empty line in the instruction; remove it, or put a # on it",
		Fix:     rule.SafeFix(edits...),
	})
}

// join adds a line to those that are taken away; lines that follow each other
// are one piece.
func join(lines []dockerfile.Span, line dockerfile.Span) []dockerfile.Span {
	if last := len(lines) - 1; last >= 0 && lines[last].End == line.Start {
		lines[last].End = line.End
		return lines
	}
	return append(lines, line)
}
