package buildkit

import (
	"fmt"
	"path"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/ignore"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleIgnoredSource() rule.Rule {
	return rule.Rule{
		Code:     "BK009",
		Aliases:  []string{"CopyIgnoredFile"},
		Severity: finding.Warning,
		Title:    "Do not copy what .dockerignore leaves out",
		Why: "What .dockerignore leaves out is not sent to the builder, and COPY says that it is not found, " +
			"though it is right there next to the Dockerfile.",
		Dockerfile: checkIgnoredSource,
	}
}

func checkIgnoredSource(p *rule.Pass, d *project.Dockerfile) {
	file := p.Project.Ignored(d)
	if file == nil || file.List == nil || file.List.Exceptions() {
		return // behind an exception there may be files in a folder that is left out
	}
	for _, s := range d.Stages {
		for _, c := range s.Copies {
			name := path.Clean(strings.TrimLeft(c.Source.Text, "/"))
			if c.From != "" || !c.Source.Known || !isPath(c.Source.Text) || name == "." || !excluded(file.List, name) {
				continue
			}
			p.Report(d.File, rule.Report{
				At:      c.Instruction.Span,
				Message: fmt.Sprintf("%s leaves %s out of the build context; copy something else, or take the pattern away", file.Path, name),
			})
		}
	}
}

// isPath says that a source is a file or folder of the build context.
func isPath(source string) bool {
	return source != "" && !strings.HasPrefix(source, "<<") && !strings.Contains(source, "://") &&
		!strings.HasPrefix(source, "git@") && !strings.ContainsAny(source, "*?[")
}

// excluded asks for each folder on the way: a pattern that leaves one out leaves
// out all that is in it.
func excluded(list *ignore.List, name string) bool {
	var in ignore.Folder
	out := false
	for at := range len(name) + 1 {
		if at == len(name) || name[at] == '/' {
			out, in = list.Excluded(name[:at], in)
			if out {
				return true
			}
		}
	}
	return out
}
