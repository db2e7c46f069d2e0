package gobuild

import (
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// builds calls visit for each `go build` and `go install` of the module that a
// RUN in an official golang image runs.
func builds(d *project.Dockerfile, visit func(*project.Stage, *project.Command)) {
	for _, s := range d.Stages {
		for _, c := range s.Commands {
			own := c.Go != nil && (c.Go.Verb == "build" || c.Go.Verb == "install") && c.Go.ReadsModule()
			if own && c.Instruction.Name == "RUN" && s.Base.IsGolang() {
				visit(s, c)
			}
		}
	}
}

// option returns the value of an option of the go command: behind an equals sign,
// or the next word. known is false when that depends on the build.
func option(c *project.Command, name string) (value string, known, set bool) {
	for i, a := range c.Args {
		text := strings.Replace(a.Text, "--", "-", 1)
		if rest, found := strings.CutPrefix(text, name+"="); found {
			return rest, a.Known, true
		}
		if text == name {
			if i+1 < len(c.Args) {
				return c.Args[i+1].Text, c.Args[i+1].Known, true
			}
			return "", true, true
		}
	}
	return "", true, false
}

// inFlags says whether GOFLAGS has an option, or may have it.
func inFlags(c *project.Command, name string) bool {
	value, set := c.Go.Env["GOFLAGS"]
	return set && (!value.Known || strings.Contains(value.Text, name))
}

// behindVerb returns the fix that puts words behind `go build`.
func behindVerb(d *project.Dockerfile, c *project.Command, words string) *finding.Fix {
	end := goSpan(c).End
	if c.Exec || end <= c.Go.Word.End {
		return nil
	}
	return rule.SafeFix(rule.Insert(d.File, end, " "+words))
}
