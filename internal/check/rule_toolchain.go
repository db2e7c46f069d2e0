package check

import (
	"fmt"
	"go/version"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

func ruleToolchain() Rule {
	return Rule{
		Code:     "GO111",
		Severity: Error,
		Fix:      Safe,
		Title:    "Build with a Go that is as new as go.mod asks for",
		Why: "The official golang images set GOTOOLCHAIN=local, so their Go does not fetch a newer one: " +
			"`go: go.mod requires go >= 1.26 (running go 1.24; GOTOOLCHAIN=local)`.",
		check: checkToolchain,
	}
}

func checkToolchain(p *pass) {
	m := p.file.Module
	if m == nil || m.Go == "" {
		return
	}
	for _, s := range p.file.stages {
		tag, ok := s.image.goTag()
		if s.parent != nil || !ok || !tag.older(m.needs()) {
			continue
		}
		use := p.toolchainUse(s, tag)
		if use == unused {
			continue
		}
		r := toolchainReport(m, tag, use)
		r.at = s.From.Args[0].Span()
		r.fix = p.bump(s.image, tag, m)
		p.report(r)
	}
}

// use says how sure it is that a stage needs its Go to read go.mod.
type use int

const (
	unused use = iota
	hidden     // by make, a script or the like, after the sources came in
	plainly
)

// toolchainUse looks at the stage and at those that build on it.
func (p *pass) toolchainUse(root *stage, tag goTag) use {
	out := unused
	for _, s := range p.file.stages {
		if !s.buildsOn(root) {
			continue
		}
		for k := range s.commands {
			out = max(out, s.commands[k].toolchainUse(p.file.Module, tag))
		}
	}
	return out
}

func (s *stage) buildsOn(root *stage) bool {
	for ; s != nil; s = s.parent {
		if s == root {
			return true
		}
	}
	return false
}

func (c *command) toolchainUse(m *Module, tag goTag) use {
	if !c.sources {
		return unused
	}
	if c.golang != nil {
		if c.golang.readsModule() && isLocal(c.golang.env["GOTOOLCHAIN"], c.golang.has("GOTOOLCHAIN"), m) {
			return plainly
		}
		return unused
	}
	value, set := c.Lookup("GOTOOLCHAIN")
	name := c.Name()
	script := len(c.Args) > 0 && strings.HasSuffix(c.Args[0].Text, ".sh")
	switch name {
	case "make", "gmake", "mage", "task", "just", "goreleaser", "bazel", "sh", "bash":
		script = true
	}
	if script && isLocal(value, set, m) && !tag.before("1.21") {
		return hidden
	}
	return unused
}

// isLocal says that the Go of the image is the one that runs: GOTOOLCHAIN is
// as the image sets it, or names a version that is too old as well. The values
// are those of go.dev/doc/toolchain.
func isLocal(value dockerfile.Value, set bool, m *Module) bool {
	switch {
	case !set || value.Known && value.Text == "local":
		return true
	case !value.Known || !version.IsValid(value.Text):
		return false
	}
	return version.Compare(value.Text, "go"+m.Go) < 0
}

func (g *goCommand) has(name string) bool {
	_, set := g.env[name]
	return set
}

// toolchainReport says what comes of it. Go before 1.21 knows no toolchains: it
// refuses the newer forms of go.mod, but tries to build with the old ones.
func toolchainReport(m *Module, tag goTag, use use) report {
	have := tag.version.String()
	patch := strings.Count(m.Go, ".") > 1 || !version.IsValid("go"+m.Go) || version.Lang("go"+m.Go) != "go"+m.Go
	switch {
	case use == hidden:
		return report{severity: Warning, message: fmt.Sprintf(
			"Go %s is older than %s asks for (go %s), and the image does not let it fetch a newer one", have, m.Path, m.needs())}
	case tag.before("1.21") && m.Toolchain != "":
		return report{message: fmt.Sprintf("Go %s does not know the toolchain line of %s; it needs Go %s", have, m.Path, m.needs())}
	case tag.before("1.21") && patch:
		return report{message: fmt.Sprintf("Go %s does not understand `go %s` in %s", have, m.Go, m.Path)}
	case tag.before("1.21"):
		return report{severity: Warning, message: fmt.Sprintf(
			"Go %s is older than `go %s` in %s: it builds only what does not use anything newer", have, m.Go, m.Path)}
	case tag.older(m.Go):
		return report{message: fmt.Sprintf(
			"Go %s is older than `go %s` in %s, and GOTOOLCHAIN=local in the image keeps it from fetching a newer one", have, m.Go, m.Path)}
	}
	return report{severity: Warning, message: fmt.Sprintf(
		"Go %s is older than `toolchain go%s` in %s, and GOTOOLCHAIN=local in the image makes it build without that one", have, m.Toolchain, m.Path)}
}

// bump writes the version that go.mod asks for over the one in the tag, as
// exact as the tag was, wherever that is written: in the FROM or as the default
// of an ARG. A digest cannot be known here.
func (p *pass) bump(img image, tag goTag, m *Module) *Fix {
	if img.digest || !tag.version.Contiguous() {
		return nil
	}
	needs := m.needs()
	line := strings.TrimPrefix(version.Lang("go"+needs), "go")
	exact := strings.Count(tag.version.String(), ".") > 1
	if !exact && strings.HasPrefix(needs, line+".") {
		needs = line
	}
	fix := &Fix{Safety: Safe, Edits: []Edit{p.edit(tag.version.Span(), needs)}}
	if !tag.floating() {
		fix.Safety = Unsafe // the newer Go may not exist on that release of the system
	}
	return fix
}
