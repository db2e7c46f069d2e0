package packages

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// pinning is a manager whose packages should be asked for at a version.
type pinning struct {
	code, manager string
	title         string
	separator     string // between a name and its version
	calls         func(*project.Run) []call
	unpinned      func(*project.Dockerfile, call) []dockerfile.Argument // of a call; none when all is well
}

func (m pinning) rule() rule.Rule {
	return rule.Rule{
		Code:     m.code,
		Severity: finding.Warning,
		Title:    m.title,
		Why: "Without a version, today's build and tomorrow's install different packages from the same Dockerfile, " +
			"and a cached layer keeps old ones without saying so.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range m.calls(r) {
					m.report(p, d, m.unpinned(d, c))
				}
			}
		},
	}
}

// report says it once for a call, at the first package.
func (m pinning) report(p *rule.Pass, d *project.Dockerfile, packages []dockerfile.Argument) {
	if len(packages) == 0 {
		return
	}
	first := packages[0]
	more := ""
	if n := len(packages) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	p.Report(d.File, rule.Report{
		At:      first.Span,
		Message: fmt.Sprintf("%s installs whatever version of %s%s is there today; ask for one, such as %s%sVERSION", m.manager, first.Text, more, first.Text, m.separator),
	})
}

// loose returns the operands that are known and not pinned.
func loose(operands []dockerfile.Argument, pinned func(name string) bool) []dockerfile.Argument {
	var out []dockerfile.Argument
	for _, o := range operands {
		if o.Known && o.Text != "" && !pinned(o.Text) {
			out = append(out, o)
		}
	}
	return out
}

// pinnings are all managers, in the order of the codes.
func pinnings() []pinning {
	return []pinning{
		{
			"DL3008", "apt-get", "Install packages of Debian at a version", "=", aptGet().calls,
			func(_ *project.Dockerfile, c call) []dockerfile.Argument {
				if c.verb != "install" {
					return nil
				}
				return loose(c.operands, func(name string) bool { return strings.ContainsAny(name, "=/") || strings.HasSuffix(name, ".deb") })
			},
		},
		{
			"DL3013", "pip", "Install packages of Python at a version", "==", installsOfPython, pipUnpinned,
		},
		{
			"DL3016", "npm", "Install packages of Node.js at a version", "@", npm().calls,
			func(_ *project.Dockerfile, c call) []dockerfile.Argument {
				if c.verb != "install" && c.verb != "i" {
					return nil
				}
				return loose(c.operands, npmPinned)
			},
		},
		{
			"DL3018", "apk", "Install packages of Alpine at a version", "=", apk().calls,
			func(_ *project.Dockerfile, c call) []dockerfile.Argument {
				if c.verb != "add" {
					return nil
				}
				return loose(c.operands, func(name string) bool { return strings.ContainsAny(name, "=~<>") || strings.HasSuffix(name, ".apk") })
			},
		},
		{
			"DL3028", "gem", "Install gems at a version", ":", gem().calls,
			func(_ *project.Dockerfile, c call) []dockerfile.Argument {
				if c.verb != "install" && c.verb != "i" || c.has("-v", "--version") {
					return nil
				}
				return loose(c.operands, func(name string) bool { return strings.Contains(name, ":") || strings.HasSuffix(name, ".gem") })
			},
		},
		{"DL3033", "yum", "Install packages with yum at a version", "-", yum().calls, rpmUnpinned},
		{
			"DL3037", "zypper", "Install packages with zypper at a version", "=", zypper().calls,
			func(_ *project.Dockerfile, c call) []dockerfile.Argument {
				if c.verb != "install" && c.verb != "in" {
					return nil
				}
				return loose(c.operands, func(name string) bool { return strings.ContainsAny(name, "=<>") || strings.HasSuffix(name, ".rpm") })
			},
		},
		{"DL3041", "dnf", "Install packages with dnf at a version", "-", dnf().calls, rpmUnpinned},
	}
}

// pipUnpinned knows PEP 508's comparisons, files, folders and what a revision
// of a repository is asked for by.
func pipUnpinned(_ *project.Dockerfile, c call) []dockerfile.Argument {
	if c.verb != "install" || c.has("-r", "--requirement", "-c", "--constraint", "-e", "--editable") {
		return nil
	}
	return loose(c.operands, func(name string) bool {
		if scheme, rest, found := strings.Cut(name, "://"); found {
			repository := strings.HasPrefix(scheme, "git+") || strings.HasPrefix(scheme, "hg+") || strings.HasPrefix(scheme, "svn+")
			return !repository || strings.Contains(rest[strings.IndexByte(rest, '/')+1:], "@")
		}
		file := strings.HasSuffix(name, ".whl") || strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".zip")
		return file || strings.ContainsAny(name, "=<>!~/@") || strings.HasPrefix(name, ".")
	})
}

// npmPinned knows name@version, @scope/name@version, repository#revision, and
// files and folders.
func npmPinned(name string) bool {
	for _, start := range []string{"/", "./", "../", "~/"} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	for _, end := range []string{".tgz", ".tar", ".tar.gz"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	if strings.HasPrefix(name, "git+") || strings.HasPrefix(name, "git:") {
		return strings.Contains(name, "#")
	}
	return strings.LastIndexByte(name, '@') > 0
}

// rpmVersion is what stands behind a name: -2.4, or -1:1.1.1k with an epoch.
var rpmVersion = regexp.MustCompile(`-[0-9]`)

func rpmUnpinned(d *project.Dockerfile, c call) []dockerfile.Argument {
	switch {
	case c.verb == "module" && len(c.operands) > 0 && c.operands[0].Text == "install":
		return loose(c.operands[1:], func(name string) bool { return strings.Contains(name, ":") })
	case c.verb != "install" && c.verb != "in":
		return nil
	}
	pinned := func(name string) bool {
		return rpmVersion.MatchString(name) || strings.HasSuffix(name, ".rpm") || strings.HasPrefix(name, "@")
	}
	out := loose(c.operands, pinned)
	for _, o := range c.operands {
		if !o.Known && !pinned(o.Text) && setElsewhere(d, c, o) {
			out = append(out, o)
		}
	}
	return out
}

// setElsewhere says whether a word has a variable that is not set here, and that
// the ENV of a stage sets that this one is not built on: it is empty.
func setElsewhere(d *project.Dockerfile, c call, word dockerfile.Argument) bool {
	raw := d.Source[word.Start:word.End]
	for _, i := range d.AST.Instructions {
		if i.Name != "ENV" {
			continue
		}
		for _, a := range i.Assignments() {
			name := a.Name.String()
			if _, set := c.Lookup(name); !set && (strings.Contains(raw, "${"+name+"}") || strings.HasSuffix(raw, "$"+name)) {
				return true
			}
		}
	}
	return false
}
