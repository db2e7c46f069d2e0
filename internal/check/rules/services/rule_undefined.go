package services

import (
	"fmt"
	"path"
	"slices"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleUndefined() rule.Rule {
	return rule.Rule{
		Code:     "GO432",
		Severity: finding.Error,
		Fix:      finding.Unsafe,
		Title:    "Define what services name",
		Why: "Compose refuses the whole file when a service names another service, a network, a volume, a secret or a config " +
			"that is defined nowhere: `service \"api\" depends on undefined service \"bd\"`.",
		Compose: checkUndefined,
	}
}

func checkUndefined(p *rule.Pass, c *project.Compose) {
	if !alone(p.Project, c) {
		return
	}
	names := func(key string) []string {
		var out []string
		for _, top := range c.AST.Top(key) {
			for _, f := range c.AST.Fields(top.Value) {
				out = append(out, f.Key.Text)
			}
		}
		return out
	}
	services, networks, volumes := names("services"), append(names("networks"), "default"), names("volumes")
	for _, s := range c.AST.Services {
		for _, d := range s.Dependencies {
			if required := c.AST.Value(d.Node, "required"); required == nil || is(required, "true") {
				undefined(p, c, "service", d.Name, services)
			}
		}
		for _, m := range s.Mounts {
			if m.Known && m.Type == "volume" && m.Source != "" && !m.Long && m.Node.Literally() && !slices.Contains(volumes, m.Source) {
				report(p, c, m.Node, fmt.Sprintf("the volume %q is not defined; add it to volumes, or write ./%s for a folder", m.Source, m.Source))
			}
		}
		references(p, c, s, "networks", "network", networks)
		references(p, c, s, "secrets", "secret", names("secrets"))
		references(p, c, s, "configs", "config", names("configs"))
	}
}

// alone says that the file is what Compose reads by itself, and all of it.
func alone(p *project.Project, c *project.Compose) bool {
	switch path.Base(c.Path) {
	case "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml":
	default:
		return false
	}
	for _, other := range p.Composes {
		if other != c && other.Dir() == c.Dir() {
			return false
		}
	}
	return !c.AST.Includes && len(c.AST.Errors) == 0
}

// references looks at a list of names, or of mappings with a source; a mapping
// has the names as its keys.
func references(p *rule.Pass, c *project.Compose, s *compose.Service, key, kind string, defined []string) {
	n := s.Value(key).Target()
	if n == nil {
		return
	}
	for _, item := range n.Items {
		if item.Target().Kind == compose.Mapping {
			item = c.AST.Value(item, "source")
		}
		if item != nil {
			undefined(p, c, kind, item, defined)
		}
	}
	for _, f := range c.AST.Fields(n) {
		undefined(p, c, kind, f.Key, defined)
	}
}

func undefined(p *rule.Pass, c *project.Compose, kind string, n *compose.Node, defined []string) {
	name, known := n.Constant()
	if !known || slices.Contains(defined, name) {
		return
	}
	r := rule.Report{At: span(n), Message: fmt.Sprintf("the %s %q is not defined; define it, or take this away", kind, name)}
	if near := rule.Nearest(name, defined); near != "" {
		r.Message = fmt.Sprintf("the %s %q is not defined; is it %q?", kind, name, near)
		r.Fix = replace(c, n, near)
	}
	p.Report(c.File, r)
}
