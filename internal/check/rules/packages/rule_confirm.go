package packages

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// confirming is a manager that asks before it installs, when it is not told to
// go on.
type confirming struct {
	code, manager, option string
	calls                 func(*project.Run) []call
	asks                  func(call) bool
}

func (m confirming) rule() rule.Rule {
	return rule.Rule{
		Code:     m.code,
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Tell " + m.manager + " to go on without asking",
		Why: "Nobody is there during a build to answer `Do you want to continue? [Y/n]`: " +
			"the command gives up, or does it as soon as the package needs another one.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range m.calls(r) {
					if m.asks(c) {
						p.Report(d.File, rule.Report{
							At:      c.verbAt.Span,
							Message: fmt.Sprintf("%s %s asks before it goes on, and nobody answers; add %s", c.name, c.verb, m.option),
							Fix:     inserted(d, c, finding.Safe, m.option),
						})
					}
				}
			}
		},
	}
}

// confirmings are all managers, in the order of the codes.
func confirmings() []confirming {
	rpm := func(c call) bool {
		installs := slices.Contains([]string{"install", "in", "groupinstall", "localinstall", "reinstall"}, c.verb)
		return installs && !c.has("-y", "--assumeyes", "--yes", "--assumeno", "--downloadonly")
	}
	return []confirming{
		{"DL3014", "apt-get", "-y", aptGet().calls, func(c call) bool {
			quiet := c.count("-q") > 1 || c.quiet() > 1
			return c.verb == "install" && !quiet && !c.has("-y", "--yes", "--assume-yes", "-s", "--dry-run", "-d", "--download-only")
		}},
		{"DL3030", "yum", "-y", yum().calls, rpm},
		{"DL3034", "zypper", "--no-confirm", zypper().calls, func(c call) bool {
			changes := slices.Contains([]string{"install", "in", "remove", "rm", "source-install", "si", "patch", "update", "up"}, c.verb)
			return changes && !c.has("-n", "--non-interactive", "-y", "--no-confirm")
		}},
		{"DL3038", "dnf", "-y", dnf().calls, rpm},
	}
}

// quiet is how quiet apt-get is told to be: -q=2, or --quiet twice.
func (c call) quiet() int {
	level := 0
	for _, o := range c.options {
		switch {
		case o.name == "--quiet" && o.value == "":
			level++
		case o.name == "--quiet" || o.name == "-q":
			if n, err := strconv.Atoi(o.value); err == nil {
				level = n
			}
		}
	}
	return level
}
