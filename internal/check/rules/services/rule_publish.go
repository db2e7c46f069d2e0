package services

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleLowPort() rule.Rule {
	return rule.Rule{
		Code:     "GO419",
		Severity: finding.Info,
		Off:      true,
		Title:    "Publish ports from 1024 on",
		Why: "Ports below 1024 belong to root on the host: an engine that runs without root does not get them. " +
			"80 and 443 are best left to the proxy in front.",
		Compose: each(func(p *rule.Pass, c *project.Compose, s *compose.Service) {
			for _, port := range s.Ports {
				first, _, _ := strings.Cut(port.Published, "-")
				if number, err := strconv.Atoi(first); err == nil && port.Known && number > 0 && number < 1024 {
					p.Report(c.File, rule.Report{
						At:      dockerfile.Span(port.PublishedAt),
						Message: fmt.Sprintf("port %s of the host needs root; publish one from 1024 on", port.Published),
					})
				}
			}
		}),
	}
}

func ruleOpenDatabase() rule.Rule {
	return rule.Rule{
		Code:     "GO420",
		Severity: finding.Info,
		Fix:      finding.Unsafe,
		Title:    "Do not publish a database on all addresses of the host",
		Why: "Docker publishes a port to the whole network, and past ufw and firewalld: its own rules come first. " +
			"Other services reach a database by its name without any port being published.",
		Compose: each(checkOpenDatabase),
	}
}

func checkOpenDatabase(p *rule.Pass, c *project.Compose, s *compose.Service) {
	ref, known := image(s)
	if !known || !ref.isDatabase() {
		return
	}
	for _, port := range s.Ports {
		if !port.Known || port.HostIP != "" && port.HostIP != "0.0.0.0" && port.HostIP != "::" {
			continue
		}
		r := rule.Report{
			At:      span(port.Node),
			Message: fmt.Sprintf("%s is open to the whole network, past the host's firewall; publish it on 127.0.0.1, or not at all", ref.base()),
		}
		if port.HostIP == "" && port.Published != "" && port.PublishedAt != port.Node.Span && !port.Long && !port.Inherited {
			r.Fix = rule.UnsafeFix(rule.Insert(c.File, port.PublishedAt.Start, "127.0.0.1:"))
		}
		p.Report(c.File, r)
	}
}
