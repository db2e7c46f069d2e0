package packages

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleGoVersion() rule.Rule {
	return rule.Rule{
		Code:     "DL3062",
		Severity: finding.Warning,
		Title:    "Install Go programs at a version",
		Why: "`go install example.com/tool` outside of the module that requires it takes the newest version of the day, " +
			"and so does @latest: a cached layer and a fresh one hold different programs.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range r.Commands {
					for _, a := range floatingPackages(d, c) {
						p.Report(d.File, rule.Report{
							At:      a.Span,
							Message: fmt.Sprintf("%s is whatever version is the newest when the image is built; name one, as in %s@v1.2.3", a.Text, name(a.Text)),
						})
					}
				}
			}
		},
	}
}

func name(pkg string) string {
	before, _, _ := strings.Cut(pkg, "@")
	return before
}

// floatingPackages returns the packages of other modules that a go command
// builds or requires at no version.
func floatingPackages(d *project.Dockerfile, c *project.Command) []dockerfile.Argument {
	goProgram := program{names: []string{"go"}, verbs: true, valued: []string{"-C", "-o", "-tags", "-ldflags", "-gcflags", "-modfile", "-mod", "-exec"}}
	if len(c.Args) < 2 || !goProgram.is(c.Name()) {
		return nil
	}
	call := goProgram.read(c, c.Args)
	operands := call.operands
	switch call.verb {
	case "install", "get":
	case "run":
		operands = operands[:min(1, len(operands))]
	default:
		return nil
	}
	var out []dockerfile.Argument
	for _, o := range operands {
		if o.Known && isFloating(o.Text, call.verb) && !required(d, c, o.Text) {
			out = append(out, o)
		}
	}
	return out
}

// isFloating says whether a word names a package of another module, and not at
// a version. Only go get takes a first element without a dot for a module.
func isFloating(pkg, verb string) bool {
	path, version, _ := strings.Cut(pkg, "@")
	if version != "" && version != "latest" || strings.HasSuffix(path, ".go") {
		return false
	}
	if strings.HasPrefix(path, ".") || strings.HasPrefix(path, "/") || strings.Contains(path, "...") || path == "all" || path == "std" || path == "cmd" {
		return false
	}
	first, _, _ := strings.Cut(path, "/")
	return verb == "get" || version == "latest" || strings.Contains(first, ".")
}

// required says whether go.mod, which is there when the command runs, says which
// version is meant.
func required(d *project.Dockerfile, c *project.Command, pkg string) bool {
	if !c.Sources || d.Module == nil || d.Module.Mod == nil || strings.Contains(pkg, "@") {
		return false
	}
	return project.InModule(pkg, d.Module.Name) || slices.ContainsFunc(d.Module.Mod.Require, func(r *modfile.Require) bool { return project.InModule(pkg, r.Mod.Path) })
}
