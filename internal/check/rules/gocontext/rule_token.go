package gocontext

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleToken() rule.Rule {
	return rule.Rule{
		Code:     "GO110",
		Severity: finding.Error,
		Title:    "Give tokens for private modules as secrets",
		Why: "A token that is an ARG, or that `git config` writes into a file, stays in the layers and in the history of the image: " +
			"who pulls it has it.",
		Dockerfile: checkToken,
	}
}

// tokenName is how variables are called that hold one.
var tokenName = regexp.MustCompile(`(?i)(token|password|passwd|secret|_pat|pat_|credential)`)

func checkToken(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.Stages {
		for _, c := range s.Commands {
			if c.Instruction.Name != "RUN" || !writesCredentials(d, c) {
				continue
			}
			text := d.Source[c.Start:c.End]
			for _, i := range d.AST.Instructions {
				if i.Name != "ARG" && i.Name != "ENV" {
					continue
				}
				for _, a := range i.Assignments() {
					name := a.Name.String()
					if tokenName.MatchString(name) && (strings.Contains(text, "${"+name) || strings.Contains(text, "$"+name)) {
						p.Report(d.File, rule.Report{At: c.Span, Message: fmt.Sprintf(
							"the value of %s stays in the layer and in the history; mount it with RUN --mount=type=secret", name)})
						break
					}
				}
			}
		}
	}
}

// writesCredentials knows the ways in which git and go are given a token.
func writesCredentials(d *project.Dockerfile, c *project.Command) bool {
	text := d.Source[c.Start:c.End]
	return c.Name() == "git" && strings.Contains(text, "insteadOf") || strings.Contains(text, ".netrc") ||
		(c.Name() == "echo" || c.Name() == "printf") && strings.Contains(text, "machine ") && strings.Contains(text, "login")
}
