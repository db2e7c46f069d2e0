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

func ruleHostFolder() rule.Rule {
	return rule.Rule{
		Code:     "GO421",
		Severity: finding.Warning,
		Title:    "Do not mount the host's own folders",
		Why: "Who can write to /etc, /root or the engine's folder owns the host, " +
			"and who can read ~/.ssh or ~/.aws owns what their keys open.",
		Compose: each(checkHostFolder),
	}
}

func checkHostFolder(p *rule.Pass, c *project.Compose, s *compose.Service) {
	for _, m := range s.Mounts {
		if m.Type != "bind" || !m.Known {
			continue
		}
		r := rule.Report{At: dockerfile.Span(m.SourceAt)}
		switch name := path.Clean(m.Source); {
		case holdsKeys(name):
			r.Message = fmt.Sprintf("%s holds keys that open more than this service needs; hand it the one secret with secrets", m.Source)
		case belongsToHost(name) && !m.ReadOnly:
			r.Message = fmt.Sprintf("the container can write to %s of the host, and so become root there; mount the one file that it needs, read-only", m.Source)
		case belongsToHost(name):
			r.Severity = finding.Info
			r.Message = fmt.Sprintf("the container can read all of %s of the host; mount the one file that it needs", m.Source)
		default:
			continue
		}
		p.Report(c.File, r)
	}
}

func belongsToHost(name string) bool {
	switch name {
	case "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var", "/var/lib", "/var/run", "/var/lib/docker", "/var/lib/containerd", "/var/lib/kubelet", "~":
		return true
	}
	return strings.HasPrefix(name, "/etc/cron") || name == "/etc/ssh" || name == "/etc/sudoers.d" || name == "/etc/systemd"
}

// holdsKeys knows folders of a home with keys in them, the whole of them.
func holdsKeys(name string) bool {
	home := strings.HasPrefix(name, "~/") || strings.HasPrefix(name, "/root/") || strings.HasPrefix(name, "/home/")
	switch path.Base(name) {
	case ".aws", ".azure", ".gnupg", ".kube", ".ssh":
		return home
	}
	return home && strings.HasSuffix(name, "/.config/gcloud")
}

func rulePropagation() rule.Rule {
	return rule.Rule{
		Code:     "GO422",
		Severity: finding.Warning,
		Title:    "Do not share mounts with the host",
		Why:      "With shared propagation, what the container mounts appears on the host and in other containers, over what was there.",
		Compose: each(func(p *rule.Pass, c *project.Compose, s *compose.Service) {
			for _, m := range s.Mounts {
				if m.Propagation == "shared" || m.Propagation == "rshared" {
					report(p, c, m.Node, fmt.Sprintf("with propagation %s, mounts that the container makes appear on the host; use rslave to see the host's, or leave it out", m.Propagation))
				}
			}
		}),
	}
}
