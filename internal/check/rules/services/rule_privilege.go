package services

import (
	"fmt"
	"path"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func rulePrivileged() rule.Rule {
	return rule.Rule{
		Code:     "GO410",
		Severity: finding.Warning,
		Title:    "Do not run a service privileged",
		Why: "A privileged container has every capability and every device of the host: " +
			"whoever gets into the program is root on the machine.",
		Compose: each(func(p *rule.Pass, c *project.Compose, s *compose.Service) {
			if n := s.Value("privileged"); n != nil && is(n, "true") {
				report(p, c, n, "the container is given the whole host; add the one capability or device that it needs with cap_add or devices")
			}
		}),
	}
}

func ruleSocket() rule.Rule {
	return rule.Rule{
		Code:     "GO411",
		Severity: finding.Warning,
		Title:    "Do not hand a container the socket of its engine",
		Why: "Who can talk to the socket can start a privileged container, and so is root on the host. " +
			"Read-only does not help: that keeps the file from being removed, not requests from being made.",
		Compose: each(checkSocket),
	}
}

func checkSocket(p *rule.Pass, c *project.Compose, s *compose.Service) {
	for _, m := range s.Mounts {
		switch path.Base(m.Source) {
		case "docker.sock", "podman.sock", "containerd.sock", "crio.sock":
			p.Report(c.File, rule.Report{
				At:      dockerfile.Span(m.SourceAt),
				Message: fmt.Sprintf("with %s the container is root on the host, read-only or not; put a proxy before it that lets through only the requests that are needed", m.Source),
			})
		}
	}
}

func ruleHost() rule.Rule {
	return rule.Rule{
		Code:     "GO412",
		Severity: finding.Warning,
		Title:    "Keep a container in its own namespaces",
		Why: "In the host's namespaces a container sees the host's processes, shared memory or network, " +
			"and can end the ones, read the other and listen on all of the third.",
		Compose: each(checkHost),
	}
}

func checkHost(p *rule.Pass, c *project.Compose, s *compose.Service) {
	for _, ns := range []struct {
		key, message string
		severity     finding.Severity
	}{
		{"pid", "the container sees every process of the host and may signal it; leave pid out", finding.Warning},
		{"ipc", "the container shares memory with every process of the host; leave ipc out, or use shareable", finding.Warning},
		{"userns_mode", "root in the container is root on the host, also where the engine maps users; leave userns_mode out", finding.Warning},
		{"uts", "the container can change the host's name; leave uts out", finding.Warning},
		{"cgroup", "the container sees the control groups of the host; leave cgroup out", finding.Warning},
		{"network_mode", "the container uses the host's network, where ports of its own and those of loopback are open to it; publish the ports that it needs", finding.Info},
	} {
		if n := s.Value(ns.key); n != nil && is(n, "host") {
			p.Report(c.File, rule.Report{At: span(n), Severity: ns.severity, Message: ns.message})
		}
	}
}

func ruleCapability() rule.Rule {
	return rule.Rule{
		Code:     "GO413",
		Severity: finding.Warning,
		Title:    "Do not add capabilities that are as good as root",
		Why: "A handful of capabilities are a way out of the container: with SYS_ADMIN it mounts the host's disk, " +
			"with SYS_MODULE it loads a kernel module, with SYS_PTRACE it gets into other processes.",
		Compose: each(checkCapability),
	}
}

func checkCapability(p *rule.Pass, c *project.Compose, s *compose.Service) {
	for _, item := range s.Items("cap_add") {
		text, known := item.Constant()
		name := strings.TrimPrefix(strings.ToUpper(text), "CAP_")
		if known && dangerous(name) {
			report(p, c, item, fmt.Sprintf("%s lets a program out of its container; take it away, or give only the capability that is needed", name))
		}
	}
}

// dangerous knows the capabilities that lead out of a container (man 7
// capabilities).
func dangerous(name string) bool {
	switch name {
	case "ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYSLOG":
		return true
	}
	return false
}

func ruleConfinement() rule.Rule {
	return rule.Rule{
		Code:     "GO414",
		Severity: finding.Warning,
		Title:    "Leave seccomp, AppArmor and SELinux on",
		Why: "The profiles that come with the engine forbid system calls that programs do not need and exploits do. " +
			"No Go program needs them off.",
		Compose: each(checkConfinement),
	}
}

func checkConfinement(p *rule.Pass, c *project.Compose, s *compose.Service) {
	for _, item := range s.Items("security_opt") {
		text, known := item.Constant()
		if !known {
			continue
		}
		key, value, found := strings.Cut(text, "=")
		if !found {
			key, value, _ = strings.Cut(text, ":")
		}
		if (key == "seccomp" || key == "apparmor" || key == "systempaths") && value == "unconfined" || key == "label" && value == "disable" || key == "no-new-privileges" && value == "false" {
			report(p, c, item, fmt.Sprintf("%s takes a wall of the container down; leave it out, or write a profile with the one call that is needed", text))
		}
	}
}
