package packages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// cleaning is a manager that leaves files behind that the image does not need.
type cleaning struct {
	code, manager string
	severity      finding.Severity
	command       string   // that takes them away
	caches        []string // where they are; a mount on one of them keeps them out
	fills         func(*project.Run) []call
	cleans        func(*project.Command) bool
}

func (m cleaning) rule() rule.Rule {
	return rule.Rule{
		Code:     m.code,
		Severity: m.severity,
		Fix:      finding.Safe,
		Title:    "Clean up after " + m.manager + " in the same RUN",
		Why: "What a RUN leaves stays in its layer for ever: a later RUN that removes it only hides it. " +
			"The lists and archives of a package manager are tens of megabytes that no program reads.",
		Dockerfile: m.check,
	}
}

func (m cleaning) check(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.All() {
		lasts := lasting(d, s)
		for _, r := range s.Runs {
			if r.Instruction.Name == "RUN" && (lasts || r.Onbuild) && !slices.ContainsFunc(m.caches, func(dir string) bool { return mounted(r, dir) }) {
				m.run(p, d, r)
			}
		}
	}
}

// run reports the first call that fills the cache and is not followed by one
// that empties it.
func (m cleaning) run(p *rule.Pass, d *project.Dockerfile, r *project.Run) {
	cleaned := -1
	for _, c := range r.Commands {
		if m.cleans(c) {
			cleaned = max(cleaned, c.Start)
		}
	}
	for _, c := range m.fills(r) {
		if c.Start > cleaned {
			p.Report(d.File, rule.Report{
				At:      c.at.Span,
				Message: fmt.Sprintf("%s %s leaves files in the layer that nothing needs; end the RUN with %s", c.name, c.verb, m.command),
				Fix:     appended(d, r, m.command),
			})
			return
		}
	}
}

// cleanings are all managers, in the order of the codes.
func cleanings() []cleaning {
	return []cleaning{
		{
			"DL3009", "apt-get", finding.Info, "rm -rf /var/lib/apt/lists/*", nil, aptFills,
			func(c *project.Command) bool { return removes(c, "/var/lib/apt/lists") || removes(c, "/var/lib/apt") },
		},
		{
			"DL3032", "yum", finding.Warning, "yum clean all",
			[]string{"/var/cache/yum", "/var/cache/dnf"},
			verbs(yum(), installVerbs()),
			func(c *project.Command) bool {
				return says(c, yum(), "clean") || removes(c, "/var/cache/yum") || removes(c, "/var/cache/dnf")
			},
		},
		{
			"DL3036", "zypper", finding.Warning, "zypper clean --all",
			[]string{"/var/cache/zypp"},
			verbs(zypper(), []string{"install", "in", "remove", "rm", "source-install", "si", "patch"}),
			func(c *project.Command) bool {
				return says(c, zypper(), "clean", "cc") || removes(c, "/var/cache/zypp")
			},
		},
		{
			"DL3040", "dnf", finding.Warning, "dnf clean all",
			[]string{"/var/cache/libdnf5", "/var/cache/dnf"},
			dnfFills,
			func(c *project.Command) bool {
				return says(c, dnf(), "clean") || removes(c, "/var/cache/yum") || removes(c, "/var/cache/dnf") || removes(c, "/var/cache/libdnf5")
			},
		},
		{
			"DL3060", "yarn", finding.Info, "yarn cache clean", nil, yarnFills,
			func(c *project.Command) bool { return says(c, yarn(), "cache") },
		},
	}
}

func installVerbs() []string {
	return []string{"install", "in", "groupinstall", "localinstall", "reinstall", "rei", "module", "group"}
}

// dnfFills are those that fetch packages (dnf(8), "Commands").
func dnfFills(r *project.Run) []call {
	return verbs(dnf(), append(installVerbs(), "upgrade", "up", "update", "upgrade-minimal", "upmin", "update-minimal", "up-min",
		"downgrade", "dg", "distro-sync", "dsync", "swap", "builddep"))(r)
}

// aptFills are those that fetch lists. Mounting the folder above the lists counts
// when that of the archives is mounted too, as it is done.
func aptFills(r *project.Run) []call {
	if mountedAt(r, "/var/lib/apt/lists") || mounted(r, "/var/lib/apt") && mounted(r, "/var/cache/apt") {
		return nil
	}
	return verbs(anyApt(), []string{"update"})(r)
}

// yarnFills are those that fetch packages, unless their cache is mounted.
func yarnFills(r *project.Run) []call {
	for _, flag := range r.Instruction.Flags {
		if flag.Name == "mount" && strings.Contains(flag.Value.String(), "yarn") {
			return nil
		}
	}
	return verbs(yarn(), []string{"install"})(r)
}

// verbs returns the calls of a program with one of the verbs.
func verbs(p program, wanted []string) func(*project.Run) []call {
	return func(r *project.Run) []call {
		return slices.DeleteFunc(p.calls(r), func(c call) bool { return !slices.Contains(wanted, c.verb) })
	}
}

// says says whether a command calls a program with one of the verbs.
func says(c *project.Command, p program, wanted ...string) bool {
	return len(c.Args) > 0 && p.is(c.Name()) && slices.Contains(wanted, p.read(c, c.Args).verb)
}
