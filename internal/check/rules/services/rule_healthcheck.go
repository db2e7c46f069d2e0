package services

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleHealthcheck() rule.Rule {
	return rule.Rule{
		Code:     "GO405",
		Severity: finding.Warning,
		Title:    "Check the health with a program that the image has",
		Why: "A healthcheck runs in the container. scratch and distroless have neither curl nor a shell, Alpine has no curl: " +
			"the service is unhealthy for ever, and what waits for it never starts.",
		Compose: each(checkHealthcheck),
	}
}

func checkHealthcheck(p *rule.Pass, c *project.Compose, s *compose.Service) {
	h := s.Healthcheck
	if h == nil || h.Off || len(h.Command) == 0 {
		return
	}
	for _, word := range h.Command {
		if _, known := word.Constant(); !known {
			return
		}
	}
	has, base, known := content(p, c, s)
	if !known {
		return
	}
	at, missing := h.Command[0], ""
	switch {
	case h.Shell && !has("sh"):
		missing = "sh"
	case h.Shell:
		missing = firstMissing(at.Target().Text, has)
	case !has(at.Target().Text):
		missing = at.Target().Text
	}
	if missing == "" {
		return
	}
	r := rule.Report{At: span(at), Message: fmt.Sprintf("%s has no %s, so the check always fails; let the program check itself (a subcommand that asks its own port)", base, missing)}
	if waiting := waitsFor(c, s.Name); waiting != "" {
		r.Severity = finding.Error
		r.Message = fmt.Sprintf("%s has no %s, so the check always fails and %s, which waits for it, never starts; let the program check itself (a subcommand that asks its own port)", base, missing, waiting)
	}
	p.Report(c.File, r)
}

// firstMissing returns the program that a simple shell command runs, when it is
// not there.
func firstMissing(line string, has func(string) bool) string {
	fields := strings.Fields(line)
	if len(fields) == 0 || !slices.Contains([]string{"curl", "wget", "nc", "bash"}, path.Base(fields[0])) || has(fields[0]) {
		return ""
	}
	return fields[0]
}

// waitsFor returns a service that does not start before the named one is healthy.
func waitsFor(c *project.Compose, name string) string {
	for _, s := range c.AST.Services {
		for _, d := range s.Dependencies {
			if d.Name.Text == name && d.Condition != nil && is(d.Condition, "service_healthy") {
				return s.Name
			}
		}
	}
	return ""
}

// content returns a function that says whether the image of a service has a
// tool. It knows images without anything, and Alpine.
func content(p *rule.Pass, c *project.Compose, s *compose.Service) (has func(string) bool, base string, known bool) {
	if s.Build == nil {
		ref, constant := image(s)
		land := ref.userland()
		has = func(tool string) bool { return inUserland(land, tool) || mounts(s, tool) }
		return has, ref.name, constant && land == project.NoLibc
	}
	stage := p.Project.ServiceBuild(c, s.Build).Stage
	if stage == nil {
		return nil, "", false
	}
	land := stage.Base.Userland()
	has = func(tool string) bool { return inUserland(land, tool) || brings(stage, tool) || mounts(s, tool) }
	return has, stage.Base.Name, land != project.OtherUserland
}

// inUserland says whether a tool comes with the image. Tools that are not known
// may be there.
func inUserland(land project.Userland, tool string) bool {
	switch path.Base(tool) {
	case "sh", "wget", "nc", "ls", "cat", "test", "grep", "ps", "pgrep", "true":
		return land != project.NoLibc
	case "curl", "bash":
		return false
	}
	return true
}

// brings says whether a stage may get a tool by its own doing.
func brings(s *project.Stage, tool string) bool {
	name := path.Base(tool)
	if slices.ContainsFunc(s.Installed, func(p string) bool { return p == name || strings.ContainsAny(p, "$") }) {
		return true
	}
	for at := s; at != nil; at = at.Below {
		for _, c := range at.Copies {
			source := path.Base(c.Source.Text)
			if !c.Source.Known || source == name || strings.Contains(source, "busybox") || strings.ContainsAny(source, "*?[") || toolFolder(c) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.Commands, func(c *project.Command) bool { return c.Name() == "" || mentionsTool(c, name) })
}

// mounts says whether a mount may bring a tool.
func mounts(s *compose.Service, tool string) bool {
	return slices.ContainsFunc(s.Mounts, func(m compose.Mount) bool {
		return !m.Known || path.Base(m.Target) == path.Base(tool) || slices.Contains(toolFolders(), path.Clean(m.Target))
	})
}

func toolFolders() []string {
	return []string{"/", "/bin", "/sbin", "/usr", "/usr/bin", "/usr/local", "/usr/local/bin", "/rootfs", "/out"}
}

// toolFolder says that a copy may bring a folder of tools.
func toolFolder(c project.Copy) bool {
	return slices.Contains(toolFolders(), path.Clean(c.Source.Text)) || strings.HasSuffix(c.Source.Text, "/")
}

func mentionsTool(c *project.Command, name string) bool {
	for _, a := range c.Args {
		if path.Base(a.Text) == name {
			return true
		}
	}
	return false
}
