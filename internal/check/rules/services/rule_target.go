package services

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleTarget() rule.Rule {
	return rule.Rule{
		Code:     "GO403",
		Severity: finding.Error,
		Fix:      finding.Unsafe,
		Title:    "Build what the Dockerfile has: its stages and its arguments",
		Why: "A target that is no stage ends the build: `target stage \"prod\" could not be found`. " +
			"An argument that no ARG takes is passed over, and the default is built.",
		Compose: each(checkTarget),
	}
}

func checkTarget(p *rule.Pass, c *project.Compose, s *compose.Service) {
	if s.Build == nil {
		return
	}
	b := p.Project.ServiceBuild(c, s.Build)
	if b.Dockerfile == nil {
		missingDockerfile(p, c, s.Build, b)
		return
	}
	if len(b.Dockerfile.AST.Errors) > 0 {
		return
	}
	if b.NoTarget {
		target := s.Build.Target.Target()
		message := fmt.Sprintf("%s has no stage %q", b.Dockerfile.Path, target.Text)
		r := rule.Report{At: span(s.Build.Target), Message: message + stagesOf(b.Dockerfile)}
		if near := rule.Nearest(target.Text, stageNames(b.Dockerfile)); near != "" {
			r.Message = fmt.Sprintf("%s; is it %q?", message, near)
			r.Fix = replace(c, s.Build.Target, near)
		}
		p.Report(c.File, r)
	}
	checkArgs(p, c, s.Build, b.Dockerfile)
}

// missingDockerfile speaks when the context is a folder of the project with
// something in it: an empty one may be a submodule.
func missingDockerfile(p *rule.Pass, c *project.Compose, b *compose.Build, found project.ServiceBuild) {
	entries, err := os.ReadDir(found.Context)
	if found.File == "" || err != nil || len(entries) == 0 || !project.Within(p.Project.Root, found.Context) || !project.Within(found.Context, found.File) || project.Exists(found.File) {
		return
	}
	at := b.Node
	for _, n := range []*compose.Node{b.Context, b.Dockerfile} {
		if n != nil {
			at = n
		}
	}
	name, err := filepath.Rel(p.Project.Root, found.File)
	if err != nil {
		return
	}
	p.Report(c.File, rule.Report{
		At: span(at), Severity: finding.Warning,
		Message: fmt.Sprintf("there is no %s to build from; it is taken from the context, not from the folder of this file", filepath.ToSlash(name)),
	})
}

func stageNames(d *project.Dockerfile) []string {
	var names []string
	for _, s := range d.Stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

func stagesOf(d *project.Dockerfile) string {
	names := stageNames(d)
	if len(names) == 0 {
		return "; its stages have no names"
	}
	return "; it has " + strings.Join(names, ", ")
}

func checkArgs(p *rule.Pass, c *project.Compose, b *compose.Build, d *project.Dockerfile) {
	declared := argsOf(d)
	for _, a := range b.Args {
		if _, known := compose.Constant(a.Name); !known || a.Name == "" || slices.Contains(declared, a.Name) || predefined(a.Name) {
			continue
		}
		r := rule.Report{At: span(a.Key), Severity: finding.Warning, Message: fmt.Sprintf("%s has no ARG %s, so the argument does nothing", d.Path, a.Name)}
		if near := rule.Nearest(a.Name, declared); near != "" {
			r.Message = fmt.Sprintf("%s has no ARG %s, so the argument does nothing; is it %s?", d.Path, a.Name, near)
			if at := a.Key.Part(0, len(a.Name)); a.Key.Literally() && !a.Inherited {
				r.Fix = rule.UnsafeFix(rule.Edit(c.File, dockerfile.Span(at), near))
			}
		}
		p.Report(c.File, r)
	}
}

func argsOf(d *project.Dockerfile) []string {
	var names []string
	for _, i := range d.AST.Instructions {
		if i.Name == "ONBUILD" && i.Trigger != nil {
			i = i.Trigger
		}
		if i.Name != "ARG" {
			continue
		}
		for _, a := range i.Assignments() {
			names = append(names, a.Name.String())
		}
	}
	return names
}

// predefined knows the arguments that need no ARG
// (docs.docker.com/reference/dockerfile, "Predefined ARGs") and those that
// BuildKit itself reads.
func predefined(name string) bool {
	switch strings.ToUpper(name) {
	case "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH",
		"TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT":
		return true
	}
	return strings.HasPrefix(name, "BUILDKIT_")
}

// replace writes another text over a scalar, in its quotes.
func replace(c *project.Compose, n *compose.Node, text string) *finding.Fix {
	if !n.Literally() {
		return nil
	}
	return rule.UnsafeFix(rule.Edit(c.File, dockerfile.Span(n.Part(0, len(n.Text))), text))
}
