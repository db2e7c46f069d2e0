package check

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

func ruleCgo() Rule {
	return Rule{
		Code:     "GO201",
		Severity: Error,
		Fix:      Safe,
		Title:    "Set CGO_ENABLED=0 for an image without the builder's libc",
		Why: "With a C compiler there, Go links net and os/user to the libc of the builder. " +
			"scratch and distroless static have none, Alpine has another: `exec /app: no such file or directory`.",
		check: checkCgo,
	}
}

func checkCgo(p *pass) {
	reported := map[dockerfile.Span]bool{}
	for k, s := range p.file.stages {
		if s.used && k+1 < len(p.file.stages) || s.bringsLibc() {
			continue
		}
		for _, made := range s.products {
			libc := made.stage.image.linkedTo(made.stage.installed)
			name := made.of.golang.name
			if reported[name] || libc == "" || !s.image.lacks(libc) || made.of.golang.linksStatically() {
				continue
			}
			reported[name] = true
			p.cgo(s, made, libc)
		}
	}
}

// lacks says that programs linked to a libc do not start in the image.
func (i image) lacks(libc string) bool {
	has := i.userland()
	return has == noLibc || has == musl && libc == "glibc"
}

// bringsLibc says that the stage gets a libc that its base image does not have.
func (s *stage) bringsLibc() bool {
	for at := s; at != nil; at = at.parent {
		for _, c := range at.copies {
			if strings.Contains(c.source.Text, "/lib/") || strings.HasSuffix(c.source.Text, "/lib") ||
				strings.Contains(c.source.Text, "/lib64") || strings.Contains(c.source.Text, ".so") {
				return true
			}
		}
	}
	return slices.Contains(s.installed, "gcompat") || slices.Contains(s.installed, "libc6-compat")
}

// linksStatically says that the command line or the environment settles the
// matter: cgo is off, or on by decision, or the program is not for Linux.
func (g *goCommand) linksStatically() bool {
	cgo, goos := g.env["CGO_ENABLED"], g.env["GOOS"]
	decided := g.has("CGO_ENABLED") && (!cgo.Known || cgo.Text != "")
	foreign := goos.Known && goos.Text != "" && goos.Text != "linux"
	pure := slices.Contains(g.tags, "netgo") && slices.Contains(g.tags, "osusergo")
	return decided || foreign || g.static || pure
}

// cgo reports a program, as far as the source says that it is linked to libc.
func (p *pass) cgo(s *stage, made product, libc string) {
	g := made.of.golang
	r := p.reach(made)
	std := slices.DeleteFunc(slices.Clone(r.std), g.pure)
	base := s.image.name
	out := report{at: made.of.goSpan(), severity: Warning}
	switch arch := g.env["GOARCH"]; {
	case r.cgo:
		return
	case len(std) > 0 && (!arch.Known || arch.Text == ""):
		out.severity = Error
		out.message = fmt.Sprintf("the program imports %s and is linked to %s, which %s does not have: it will not start; set CGO_ENABLED=0", std[0], libc, base)
	case len(std) > 0:
		out.message = fmt.Sprintf("the program imports %s and is linked to %s when the builder's architecture is its own; %s does not have that; set CGO_ENABLED=0", std[0], libc, base)
	case len(r.foreign) > 0:
		out.message = fmt.Sprintf("the program imports %s, which may link it to %s; %s does not have that; set CGO_ENABLED=0", r.foreign[0], libc, base)
	case r.missing:
		out.message = fmt.Sprintf("cgo is on, so the program may be linked to %s; %s does not have that; set CGO_ENABLED=0", libc, base)
	default:
		return // nothing that it imports uses cgo: it is static all the same
	}
	if !made.of.Exec {
		out.fix = &Fix{Safety: Safe, Edits: []Edit{p.insert(made.of.Start, "CGO_ENABLED=0 ")}}
	}
	p.report(out)
}

// goSpan is where the command stands from the word go to its verb.
func (c *command) goSpan() dockerfile.Span {
	span := c.golang.name
	for _, a := range c.Args {
		if a.Text == c.golang.verb && a.Start > span.Start {
			span.End = a.End
			break
		}
	}
	return span
}

// pure says that the tags make a package of the standard library do without cgo.
func (g *goCommand) pure(pkg string) bool {
	switch pkg {
	case "plugin", "runtime/cgo":
		return false
	case "archive/tar", "os/user":
		return slices.Contains(g.tags, "osusergo")
	}
	return slices.Contains(g.tags, "netgo")
}

// reach looks at the packages that the command builds, as far as they are found.
func (p *pass) reach(made product) reach {
	m := p.file.Module
	if m == nil || m.problem != "" {
		return reach{missing: true}
	}
	packages := made.of.golang.packages
	if len(packages) == 0 {
		packages = []dockerfile.Value{{Text: ".", Known: true}}
	}
	var out reach
	for _, pkg := range packages {
		dir, found := p.packageDir(made, pkg)
		r := reach{missing: true}
		if found {
			r = m.reach(dir, made.of.golang.tags)
		}
		out.cgo = out.cgo || r.cgo
		out.missing = out.missing || r.missing
		out.std = append(out.std, r.std...)
		out.foreign = append(out.foreign, r.foreign...)
	}
	return out
}

// packageDir finds the folder of a package that a command in a stage names;
// empty for a pattern of several.
func (p *pass) packageDir(made product, pkg dockerfile.Value) (string, bool) {
	m, name := p.file.Module, pkg.Text
	switch {
	case !pkg.Known:
		return "", false
	case strings.Contains(name, "..."):
		return "", true
	case inModule(name, m.Name):
		name = "." + strings.TrimPrefix(name, m.Name)
		return filepath.Join(m.Dir, filepath.FromSlash(name)), true
	case strings.HasSuffix(name, ".go"):
		name = path.Dir(name)
	}
	if dir, found := p.hostDir(made.stage, made.stage.resolve(made.of.golang.dir, dockerfile.Value{Text: name, Known: true})); found {
		return dir, true
	}
	dir := filepath.Join(m.Dir, filepath.FromSlash(name))
	return dir, !path.IsAbs(name) && isDir(dir)
}

// hostDir finds the folder of the build context that a folder of a stage was
// copied from.
func (p *pass) hostDir(s *stage, inside dockerfile.Value) (string, bool) {
	best, length := "", -1
	for ; s != nil && inside.Known; s = s.parent {
		for _, c := range s.copies {
			rest, below := strings.CutPrefix(inside.Text+"/", strings.TrimSuffix(c.dest.Text, "/")+"/")
			if c.from != "" || !c.dest.Known || !c.source.Known || !below || len(c.dest.Text) <= length {
				continue
			}
			base, found := p.file.contextPath(p.project.Root, c.source.Text)
			if dir := filepath.Join(base, filepath.FromSlash(rest)); found && isDir(dir) {
				best, length = dir, len(c.dest.Text)
			}
		}
	}
	return best, length >= 0
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
