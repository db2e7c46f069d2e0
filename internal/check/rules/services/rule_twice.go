package services

import (
	"fmt"
	"strconv"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleBuildImage() rule.Rule {
	return rule.Rule{
		Code:     "GO425",
		Severity: finding.Style,
		Off:      true,
		Title:    "Say either build or image",
		Why: "With both, image is the name that the build's result gets. " +
			"Whoever reads the file has to know that, and a pull may take the place of the build.",
		Compose: each(func(p *rule.Pass, c *project.Compose, s *compose.Service) {
			if s.Build != nil && s.Image != nil {
				report(p, c, s.Image, "the service has build as well, so this only names what is built; leave one of the two out")
			}
		}),
	}
}

func ruleContainerName() rule.Rule {
	return rule.Rule{
		Code:     "GO426",
		Severity: finding.Error,
		Title:    "Give every container a name of its own",
		Why: "A name can be had once on a host, and begins with a letter or a digit. " +
			"Without container_name, Compose makes one of the project, the service and a number.",
		Compose: checkContainerName,
	}
}

func checkContainerName(p *rule.Pass, c *project.Compose) {
	first := map[string]*compose.Service{}
	for _, s := range c.AST.Services {
		n := s.Value("container_name")
		name, known := n.Constant()
		if !known || name == "" || n.Reset() {
			continue
		}
		other := first[name]
		switch {
		case !validName(name):
			report(p, c, n, fmt.Sprintf("%q is not the name of a container: letters, digits, _, . and -, of which the first is a letter or a digit", name))
		case other != nil && other.Name != s.Name && !other.Profiles && !s.Profiles:
			report(p, c, n, fmt.Sprintf("the container of %s has the name %s already; leave container_name out", other.Name, name))
		case replicas(s) > 1:
			report(p, c, n, fmt.Sprintf("%d containers cannot all have the name %s; leave container_name out", replicas(s), name))
		}
		if other == nil {
			first[name] = s
		}
	}
}

func validName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '_' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return len(name) > 1
}

func replicas(s *compose.Service) int {
	n := s.Value("deploy", "replicas")
	if n == nil {
		n = s.Value("scale")
	}
	text, known := n.Constant()
	count, err := strconv.Atoi(text)
	if !known || err != nil {
		return 1
	}
	return count
}

func rulePublishedTwice() rule.Rule {
	return rule.Rule{
		Code:     "GO427",
		Severity: finding.Warning,
		Title:    "Publish a port of the host once",
		Why:      "The second service that wants a port does not start: `Bind for 0.0.0.0:8080 failed: port is already allocated`.",
		Compose:  checkPublishedTwice,
	}
}

func checkPublishedTwice(p *rule.Pass, c *project.Compose) {
	type owner struct {
		service *compose.Service
		port    compose.Port
	}
	seen := map[string][]owner{}
	for _, s := range c.AST.Services {
		if s.Profiles || is(s.Value("network_mode"), "host") {
			continue
		}
		for _, port := range s.Ports {
			key := port.Published + "/" + port.Protocol
			if _, err := strconv.Atoi(port.Published); err != nil || !port.Known {
				continue
			}
			for _, o := range seen[key] {
				if o.service.Name != s.Name && sameAddress(o.port, port) {
					p.Report(c.File, rule.Report{
						At:      dockerfile.Span(port.PublishedAt),
						Message: fmt.Sprintf("%s publishes port %s of the host already; the two cannot run at the same time", o.service.Name, port.Published),
					})
					break
				}
			}
			seen[key] = append(seen[key], owner{s, port})
		}
	}
}

func sameAddress(a, b compose.Port) bool {
	everywhere := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
	return a.HostIP == b.HostIP || everywhere(a.HostIP) || everywhere(b.HostIP)
}
