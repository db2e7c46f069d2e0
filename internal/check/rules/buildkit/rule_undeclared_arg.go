package buildkit

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleUndeclaredArg() rule.Rule {
	return rule.Rule{
		Code:     "BK005",
		Aliases:  []string{"UndefinedArgInFrom"},
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Declare the arguments of FROM before the first one",
		Why: "FROM knows the ARGs before the first FROM and no others. What is not declared there is empty, " +
			"also when --build-arg sets it, and FROM golang:$VERSION asks for golang:.",
		Dockerfile: checkUndeclaredArg,
	}
}

func checkUndeclaredArg(p *rule.Pass, d *project.Dockerfile) {
	declared := globals(d)
	for _, s := range d.Stages {
		for _, r := range fromReferences(d, s) {
			name := r.Name.String()
			if r.Without || declared[name] || slices.Contains(platformArgs(), name) {
				continue
			}
			report := rule.Report{
				At:      r.Span(),
				Message: fmt.Sprintf("%s is not declared before the first FROM; write ARG %s there", name, name),
			}
			if near := rule.Nearest(name, append(declared.sorted(), platformArgs()...)); near != "" {
				report.Message = fmt.Sprintf("%s is not declared before the first FROM; did you mean %s?", name, near)
				report.Fix = rename(d, r, near)
			}
			p.Report(d.File, report)
		}
	}
}

// rename writes another name over that of a variable.
func rename(d *project.Dockerfile, r dockerfile.Reference, name string) *finding.Fix {
	if !r.Name.Contiguous() {
		return nil
	}
	return rule.UnsafeFix(rule.Edit(d.File, r.Name.Span(), name))
}

// fromReferences returns the variables of the image and the platform of a FROM.
func fromReferences(d *project.Dockerfile, s *project.Stage) []dockerfile.Reference {
	return append(dockerfile.References(s.From.Args[0].Text, d.AST.Escape), dockerfile.References(s.Platform, d.AST.Escape)...)
}

func ruleEmptyReference() rule.Rule {
	return rule.Rule{
		Code:     "BK008",
		Aliases:  []string{"InvalidDefaultArgInFrom"},
		Severity: finding.Warning,
		Title:    "Give the arguments of FROM defaults that name an image",
		Why: "Without the build argument the base image has no valid name, and `docker build .` stops at its first line: " +
			"so does every tool that builds, or reads, the Dockerfile without knowing about the argument.",
		Dockerfile: checkEmptyReference,
	}
}

func checkEmptyReference(p *rule.Pass, d *project.Dockerfile) {
	var scope *dockerfile.Scope
	for _, s := range d.Stages {
		references := dockerfile.References(s.From.Args[0].Text, d.AST.Escape)
		if len(references) == 0 || s.Parent != nil {
			continue
		}
		if scope == nil {
			scope = globalScope(d)
		}
		declared := true
		image := dockerfile.Expand(s.From.Args[0].Text, d.AST.Escape, func(name string) (dockerfile.Text, bool) {
			declared = declared && scope.Set(name)
			value, known := scope.Lookup(name)
			if !known {
				value = dockerfile.Text{}
			}
			return value, true
		})
		if !declared || !image.Known || reference.MatchString(image.String()) {
			continue
		}
		p.Report(d.File, rule.Report{
			At:      s.From.Args[0].Span(),
			Message: fmt.Sprintf("without build arguments this is %q, which names no image; give the ARG a default", image),
		})
	}
}

// onePlatform sets BuildKit's own arguments as a build for one platform does:
// which one makes no difference to whether a name is valid.
const onePlatform = "ARG TARGETPLATFORM=linux/amd64 TARGETOS=linux TARGETOSVERSION= TARGETARCH=amd64 TARGETVARIANT= TARGETSTAGE=default " +
	"BUILDPLATFORM=linux/amd64 BUILDOS=linux BUILDOSVERSION= BUILDARCH=amd64 BUILDVARIANT="

// globalScope returns the arguments before the first FROM with their defaults.
func globalScope(d *project.Dockerfile) *dockerfile.Scope {
	scope := dockerfile.NewScope(d.AST.Escape)
	scope.Apply(dockerfile.Parse([]byte(onePlatform)).Instructions[0])
	for _, i := range d.AST.Instructions {
		if i.Name == "FROM" {
			break
		}
		scope.Apply(i)
	}
	return scope
}

// reference is the grammar of github.com/distribution/reference, a host in it
// being any first part.
var reference = regexp.MustCompile(`^(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*` +
	`(?::\w[\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,})?$`)
