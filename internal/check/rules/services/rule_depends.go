package services

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleDepends() rule.Rule {
	return rule.Rule{
		Code:     "GO402",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Wait for a service until it is healthy",
		Why: "A list under depends_on waits until a container was started, not until the program in it answers. " +
			"A Go program starts within milliseconds, so it is there long before its database: `connect: connection refused`.",
		Compose: each(checkDepends),
	}
}

func checkDepends(p *rule.Pass, c *project.Compose, s *compose.Service) {
	for _, d := range s.Dependencies {
		name, known := d.Name.Constant()
		other := c.AST.Service(name)
		if d.Condition != nil || d.Node != d.Name || !known || other == nil {
			continue
		}
		ref, _ := image(other)
		switch {
		case healthy(p, c, other):
			p.Report(c.File, rule.Report{
				At:      span(d.Node),
				Message: fmt.Sprintf("%s is waited for until it is started, though it has a healthcheck; use condition: service_healthy", name),
				Fix:     conditions(p, c, s),
			})
		case ref.isDatabase() && !other.Partial && other.Healthcheck == nil:
			p.Report(c.File, rule.Report{
				At: span(d.Node), Severity: finding.Info,
				Message: fmt.Sprintf("%s is waited for until it is started, not until it answers; give it a healthcheck and use condition: service_healthy", name),
			})
		}
	}
}

// healthy says that a service has a healthcheck, of its own or of the image
// that it builds.
func healthy(p *rule.Pass, c *project.Compose, s *compose.Service) bool {
	if s.Healthcheck != nil {
		return s.Healthcheck.Test != nil && !s.Healthcheck.Off
	}
	for stage := p.Project.ServiceBuild(c, s.Build).Stage; stage != nil; stage = stage.Below {
		for _, i := range stage.Instructions {
			if i.Name == "HEALTHCHECK" {
				return !strings.EqualFold(strings.TrimSpace(i.Rest.String()), "NONE")
			}
		}
	}
	return false
}

// conditions writes a list of dependencies as a mapping. There is no way to
// keep comments in it.
func conditions(p *rule.Pass, c *project.Compose, s *compose.Service) *finding.Fix {
	field, _ := s.Field("depends_on")
	list := field.Value
	if field.Inherited || list.Alias != nil || !list.Exact || strings.Contains(c.Source[list.Start:list.End], "#") {
		return nil
	}
	var entries []string
	seen := map[string]bool{}
	for _, item := range list.Items {
		other := c.AST.Service(item.Text)
		if !item.Literally() || seen[item.Text] {
			return nil
		}
		seen[item.Text] = true
		condition := "service_started"
		if other != nil && healthy(p, c, other) {
			condition = "service_healthy"
		}
		entries = append(entries, c.Source[item.Start:item.End]+"\n"+condition)
	}
	return rule.UnsafeFix(rule.Edit(c.File, span(list), mapping(c, field, entries)))
}

func mapping(c *project.Compose, field compose.Field, entries []string) string {
	list := field.Value
	var out []string
	if list.Flow {
		for _, e := range entries {
			name, condition, _ := strings.Cut(e, "\n")
			out = append(out, fmt.Sprintf("%s: {condition: %s}", name, condition))
		}
		return "{" + strings.Join(out, ", ") + "}"
	}
	_, key := c.Position(field.Key.Start)
	_, dash := c.Position(list.Start)
	indent := strings.Repeat(" ", dash-1)
	first := ""
	if dash <= key {
		first = "  "
	}
	for _, e := range entries {
		name, condition, _ := strings.Cut(e, "\n")
		out = append(out, fmt.Sprintf("%s%s:%s%s%s  condition: %s", first, name, c.Newline(), indent, first, condition))
	}
	return strings.Join(out, c.Newline()+indent)
}
