package packages

import (
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleRecommends() rule.Rule {
	return rule.Rule{
		Code:     "DL3015",
		Severity: finding.Info,
		Fix:      finding.Unsafe,
		Title:    "Install what a package needs, and not what it recommends",
		Why: "apt-get installs what a package recommends too: documentation, daemons, compilers. " +
			"With --no-install-recommends the image is often half as large.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range verbs(aptGet(), []string{"install"})(r) {
					if !c.has("--no-install-recommends") && !recommendsOff(c) {
						p.Report(d.File, rule.Report{
							At:      c.verbAt.Span,
							Message: "apt-get install brings along what the packages only recommend; add --no-install-recommends",
							Fix:     inserted(d, c, finding.Unsafe, "--no-install-recommends"),
						})
					}
				}
			}
		},
	}
}

// recommendsOff knows the setting APT::Install-Recommends.
func recommendsOff(c call) bool {
	return slices.ContainsFunc(c.options, func(o option) bool {
		setting := strings.ToLower(o.name + "=" + o.value)
		return strings.Contains(setting, "apt::install-recommends") && (strings.HasSuffix(setting, "false") || strings.HasSuffix(setting, "0"))
	})
}

func ruleApt() rule.Rule {
	return rule.Rule{
		Code:     "DL3027",
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Call apt-get, not apt",
		Why:      "apt is made for people at a terminal: its options and its output change between releases, as it says itself. apt-get and apt-cache stay as they are.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			apt := program{names: []string{"apt"}, verbs: true, valued: aptValues()}
			for _, r := range runs(d) {
				for _, c := range apt.calls(r) {
					p.Report(d.File, rule.Report{At: c.at.Span, Message: "apt is for people at a terminal; call apt-get", Fix: aptGetInstead(d, c)})
				}
			}
		},
	}
}

// aptGetInstead is the fix where apt-get, or apt-cache, has the same verb.
func aptGetInstead(d *project.Dockerfile, c call) *finding.Fix {
	instead := ""
	switch c.verb {
	case "install", "update", "upgrade", "remove", "purge", "autoremove", "clean", "autoclean", "download", "source", "build-dep", "check":
		instead = "apt-get"
	case "search", "show", "policy", "depends", "rdepends":
		instead = "apt-cache"
	}
	if instead == "" || d.Source[c.at.Start:c.at.End] != "apt" {
		return nil
	}
	return rule.SafeFix(rule.Edit(d.File, c.at.Span, instead))
}

func ruleDistUpgrade() rule.Rule {
	return rule.Rule{
		Code:     "DL3035",
		Severity: finding.Warning,
		Title:    "Take another base image instead of upgrading the distribution",
		Why: "`zypper dist-upgrade` makes another release of the base image, a different one each day. " +
			"A base image with the right tag is that release, and is the same tomorrow.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range verbs(zypper(), []string{"dist-upgrade", "dup"})(r) {
					p.Report(d.File, rule.Report{At: c.verbAt.Span, Message: "the distribution is upgraded while the image is built; take a base image of that release"})
				}
			}
		},
	}
}
