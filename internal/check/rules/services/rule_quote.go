package services

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleQuotePorts() rule.Rule {
	return rule.Rule{
		Code:     "GO424",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Quote ports that YAML 1.1 reads as a number",
		Why: "In YAML 1.1, 22:22 is a number to the base of 60, which is 1342. Compose of today knows better; " +
			"PyYAML, Ansible and docker-compose before version 2 do not.",
		Compose: each(func(p *rule.Pass, c *project.Compose, s *compose.Service) {
			for _, port := range s.Ports {
				n := port.Node
				if port.Long || n.Alias != nil || n.Style != compose.Plain {
					continue
				}
				if number, yes := sexagesimal(n.Text); yes {
					r := rule.Report{At: span(n), Message: fmt.Sprintf("YAML 1.1 reads %s as the number %d; put it in quotes", n.Text, number)}
					if n.Literally() {
						r.Fix = rule.SafeFix(rule.Edit(c.File, span(n), `"`+n.Text+`"`))
					}
					p.Report(c.File, r)
				}
			}
		}),
	}
}

// sexagesimal reads an integer to the base of 60 (yaml.org/type/int.html).
func sexagesimal(text string) (int, bool) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 4 || strings.HasPrefix(text, "0") {
		return 0, false
	}
	total := 0
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || len(part) > 5 || i > 0 && n > 59 || i > 0 && len(part) > 2 {
			return 0, false
		}
		total = total*60 + n
	}
	return total, true
}

func ruleUnquoteVolumes() rule.Rule {
	return rule.Rule{
		Code:     "GO428",
		Severity: finding.Style,
		Off:      true,
		Fix:      finding.Safe,
		Title:    "Write volumes without quotes",
		Why:      "They need none, unlike ports. One way to write them makes a diff show what changed.",
		Compose: each(func(p *rule.Pass, c *project.Compose, s *compose.Service) {
			for _, m := range s.Mounts {
				n := m.Node
				if !m.Long && n.Alias == nil && n.Literally() && n.Style != compose.Plain && plain(n.Text) {
					p.Report(c.File, rule.Report{
						At: span(n), Message: fmt.Sprintf("%s needs no quotes", n.Text),
						Fix: rule.SafeFix(rule.Edit(c.File, span(n), n.Text)),
					})
				}
			}
		}),
	}
}

// plain says that a text means itself without quotes, also in brackets.
func plain(text string) bool {
	for _, r := range text {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:", r) {
			return false
		}
	}
	first := text + "x"
	_, number := sexagesimal(text)
	return strings.ContainsAny(first[:1], "/.abcdefghijklmnopqrstuvwxyz") && !strings.HasSuffix(text, ":") && !number && strings.Contains(text, "/")
}
