package gobuild

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleTrimpath() rule.Rule {
	return rule.Rule{
		Code:     "GO205",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Build with -trimpath",
		Why:      "Without it the paths of the build's folders are in the program: it differs between two folders, and stack traces show where it was built.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			builds(d, func(_ *project.Stage, c *project.Command) {
				if _, _, set := option(c, "-trimpath"); !set && !inFlags(c, "-trimpath") {
					p.Report(d.File, rule.Report{At: goSpan(c), Message: "the program has the paths of this build in it; add -trimpath", Fix: behindVerb(d, c, "-trimpath")})
				}
			})
		},
	}
}

func ruleStrip() rule.Rule {
	return rule.Rule{
		Code:     "GO206",
		Severity: finding.Info,
		Off:      true,
		Fix:      finding.Unsafe,
		Title:    "Leave the debug information out",
		Why:      "A third of a Go program is for debuggers. `-ldflags=-s` leaves it out; stack traces and profiles stay as they are.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			builds(d, func(_ *project.Stage, c *project.Command) {
				value, known, set := option(c, "-ldflags")
				if !known || slices.Contains(strings.Fields(value), "-s") || inFlags(c, "-ldflags") {
					return
				}
				r := rule.Report{At: goSpan(c), Message: "a third of the program is debug information; add -ldflags=-s when nobody debugs it in the image"}
				if add := behindVerb(d, c, "-ldflags=-s"); !set && add != nil {
					r.Fix = rule.UnsafeFix(add.Edits...)
				}
				p.Report(d.File, r)
			})
		},
	}
}

func ruleUpx() rule.Rule {
	return rule.Rule{
		Code:     "GO207",
		Severity: finding.Warning,
		Title:    "Do not pack Go programs with UPX",
		Why: "A packed program is unpacked into memory at each start, is taken for malware by scanners, and hides its modules from those that look for " +
			"vulnerabilities. The layer is compressed anyway.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, s := range d.Stages {
				for _, c := range s.Commands {
					if c.Name() == "upx" {
						p.Report(d.File, rule.Report{At: c.Args[0].Span, Message: "upx hides the modules of the program from scanners, and a layer is compressed anyway; leave it out"})
					}
				}
			}
		},
	}
}

func ruleDebug() rule.Rule {
	return rule.Rule{
		Code:     "GO208",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Leave the tools of the developer out of the image",
		Why: "A program built with -race is five to ten times as slow; one without optimization is slow, too; and `go run`, dlv and air " +
			"compile when the container starts.",
		Dockerfile: checkDebug,
	}
}

func checkDebug(p *rule.Pass, d *project.Dockerfile) {
	builds(d, func(s *project.Stage, c *project.Command) {
		if project.IsForDevelopers(d.Path) || project.IsForDevelopers(s.Name) || project.IsForDevelopers(c.Go.Output.Text) {
			return
		}
		if _, _, race := option(c, "-race"); race {
			p.Report(d.File, rule.Report{At: c.Span, Message: "-race makes the program several times as slow; leave it to the tests", Fix: without(d, c, "-race")})
		}
		if value, known, _ := option(c, "-gcflags"); known && strings.Contains(value, "-N") {
			p.Report(d.File, rule.Report{At: c.Span, Message: "-N compiles without optimization; leave it to debugging"})
		}
	})
	if len(d.Stages) == 0 {
		return
	}
	last := d.Stages[len(d.Stages)-1]
	if project.IsForDevelopers(d.Path) || project.IsForDevelopers(last.Name) {
		return
	}
	for _, c := range last.Commands {
		starts := c.Instruction.Name == "CMD" || c.Instruction.Name == "ENTRYPOINT"
		if starts && (c.Go != nil && c.Go.Verb == "run" || isReloader(d, c.Name())) {
			p.Report(d.File, rule.Report{At: c.Span, Message: fmt.Sprintf("%s compiles or debugs when the container starts; build the program and start that", c.Name())})
		}
	}
}

// without is the fix that takes a word of a command away, and the space before it.
func without(d *project.Dockerfile, c *project.Command, word string) *finding.Fix {
	for i, a := range c.Args {
		if a.Text == word && i > 0 && !c.Exec {
			return rule.UnsafeFix(rule.Edit(d.File, dockerfile.Span{Start: c.Args[i-1].End, End: a.End}, ""))
		}
	}
	return nil
}

// isReloader says whether a name is that of a tool that compiles again and
// again, or debugs, and not that of the module itself.
func isReloader(d *project.Dockerfile, name string) bool {
	return slices.Contains([]string{"dlv", "air", "reflex", "CompileDaemon"}, name) && (d.Module == nil || path.Base(d.Module.Name) != name)
}

func ruleMainFile() rule.Rule {
	return rule.Rule{
		Code:     "GO211",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Build the package, not its file",
		Why: "`go build main.go` builds a package that is called command-line-arguments: the program does not know its own module and version, " +
			"scanners neither, and a second file is forgotten.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			builds(d, func(s *project.Stage, c *project.Command) {
				if len(c.Go.Packages) == 1 && strings.HasSuffix(c.Go.Packages[0].Text, ".go") && d.Module != nil && d.Module.Mod != nil {
					name := c.Go.Packages[0].Text
					p.Report(d.File, rule.Report{
						At:      c.Args[len(c.Args)-1].Span,
						Message: fmt.Sprintf("built from its file the program does not know its module and version; build the package, %s", packageOf(name)),
						Fix:     packageInstead(p, d, s, c),
					})
				}
			})
		},
	}
}

// packageOf returns the folder of a file as the go command wants it.
func packageOf(file string) string {
	dir := path.Dir(file)
	if dir == "." || strings.HasPrefix(dir, "/") || strings.HasPrefix(dir, "./") {
		return dir
	}
	return "./" + dir
}

// packageInstead is the fix where the file is the only one of its package, and
// the program has a name of its own.
func packageInstead(p *rule.Pass, d *project.Dockerfile, s *project.Stage, c *project.Command) *finding.Fix {
	last := c.Args[len(c.Args)-1]
	if !c.Go.HasOutput || c.Exec || last.Text != c.Go.Packages[0].Text || d.Source[last.Start:last.End] != last.Text {
		return nil
	}
	dir, found := p.Project.PackageDir(d, project.Product{Of: c, Stage: s}, c.Go.Packages[0])
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if !found || err != nil {
		return nil
	}
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
	if len(files) != 1 || filepath.Base(files[0]) != path.Base(last.Text) {
		return nil
	}
	return rule.SafeFix(rule.Edit(d.File, last.Span, packageOf(last.Text)))
}
