package services

import (
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// lacking makes a rule, off by default, that asks every whole service for
// something that it may do without.
func lacking(code, title, why, message string, has func(*compose.Service) bool) rule.Rule {
	return rule.Rule{
		Code: code, Severity: finding.Info, Off: true, Title: title, Why: why,
		Compose: each(func(p *rule.Pass, c *project.Compose, s *compose.Service) {
			if !s.Partial && !has(s) {
				p.Report(c.File, rule.Report{At: dockerfile.Span(s.Key.Span), Message: s.Name + " " + message})
			}
		}),
	}
}

func ruleNewPrivileges() rule.Rule {
	return lacking("GO415", "Say no-new-privileges",
		"Without it, a setuid program in the image makes root of a user who is not. A static Go program in an empty image loses nothing.",
		"may get new privileges by setuid programs; add security_opt: [no-new-privileges:true]",
		func(s *compose.Service) bool {
			for _, item := range s.Items("security_opt") {
				text, known := item.Constant()
				if !known || strings.HasPrefix(text, "no-new-privileges") {
					return true
				}
			}
			return false
		})
}

func ruleReadOnly() rule.Rule {
	return lacking("GO416", "Make the root file system read-only",
		"What cannot be written to cannot be tampered with, and a program that writes into its image loses it with the next release anyway.",
		"can write to its own image; add read_only: true, and tmpfs or a volume for what it does write",
		func(s *compose.Service) bool { return s.Value("read_only") != nil })
}

func ruleLimits() rule.Rule {
	return lacking("GO417", "Limit memory, processors and processes",
		"Without limits, one service that leaks takes the machine with it, and the kernel may end another one for it. "+
			"Go takes GOMAXPROCS from the processor limit since 1.25; for memory, set GOMEMLIMIT below the limit.",
		"has no limit for memory, processors or processes; add deploy.resources.limits with memory, cpus and pids",
		func(s *compose.Service) bool {
			limits := func(long, short string) bool {
				return s.Value("deploy", "resources", "limits", long) != nil || s.Value(short) != nil
			}
			return limits("memory", "mem_limit") && limits("cpus", "cpus") && limits("pids", "pids_limit")
		})
}

func ruleRestart() rule.Rule {
	return lacking("GO418", "Say what happens when a service ends",
		"Without a restart policy a service that panics stays away until somebody looks.",
		"stays away when it ends; add restart: unless-stopped, or restart: \"no\" for what is to run once",
		func(s *compose.Service) bool {
			return s.Value("restart") != nil || s.Value("deploy", "restart_policy") != nil
		})
}
