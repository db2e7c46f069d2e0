package gobuild

import (
	"fmt"
	"go/version"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleToolchain() rule.Rule {
	return rule.Rule{
		Code:     "GO111",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Build with a Go that is as new as go.mod asks for",
		Why: "The official golang images set GOTOOLCHAIN=local, so their Go does not fetch a newer one: " +
			"`go: go.mod requires go >= 1.26 (running go 1.24; GOTOOLCHAIN=local)`.",
		Dockerfile: checkToolchain,
	}
}

func checkToolchain(p *rule.Pass, d *project.Dockerfile) {
	m := d.Module
	if m == nil || m.Go == "" {
		return
	}
	for _, s := range d.Stages {
		tag, ok := s.Base.GoTag()
		if s.Below != nil || !ok || !tag.Older(m.Needs()) {
			continue
		}
		use := stageUse(d, s, tag)
		if use == unused {
			continue
		}
		r := toolchainReport(m, tag, use)
		r.At = s.From.Args[0].Span()
		r.Fix = bump(d, s.Base, tag, m)
		p.Report(d.File, r)
	}
}

// use says how sure it is that a stage needs its Go to read go.mod.
type use int

const (
	unused use = iota
	hidden     // by make, a script or the like, after the sources came in
	plainly
)

// stageUse looks at the stage and at those that build on it.
func stageUse(d *project.Dockerfile, root *project.Stage, tag project.GoTag) use {
	out := unused
	for _, s := range d.Stages {
		if !s.BuildsOn(root) {
			continue
		}
		for _, c := range s.Commands {
			out = max(out, commandUse(c, d.Module, tag))
		}
	}
	return out
}

func commandUse(c *project.Command, m *project.Module, tag project.GoTag) use {
	if !c.Sources {
		return unused
	}
	if c.Go != nil {
		if c.Go.ReadsModule() && isLocal(c.Go.Env["GOTOOLCHAIN"], c.Go.Has("GOTOOLCHAIN"), m) {
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
	if script && isLocal(value, set, m) && !tag.Before("1.21") {
		return hidden
	}
	return unused
}

// isLocal says that the Go of the image is the one that runs: GOTOOLCHAIN is
// as the image sets it, or names a version that is too old as well. The values
// are those of go.dev/doc/toolchain.
func isLocal(value dockerfile.Value, set bool, m *project.Module) bool {
	switch {
	case !set || value.Known && value.Text == "local":
		return true
	case !value.Known || !version.IsValid(value.Text):
		return false
	}
	return version.Compare(value.Text, "go"+m.Go) < 0
}

// toolchainReport says what comes of it. Go before 1.21 knows no toolchains: it
// refuses the newer forms of go.mod, but tries to build with the old ones.
func toolchainReport(m *project.Module, tag project.GoTag, use use) rule.Report {
	have := tag.Version.String()
	patch := strings.Count(m.Go, ".") > 1 || !version.IsValid("go"+m.Go) || version.Lang("go"+m.Go) != "go"+m.Go
	switch {
	case use == hidden:
		return rule.Report{Severity: finding.Warning, Message: fmt.Sprintf(
			"Go %s is older than %s asks for (go %s), and the image does not let it fetch a newer one", have, m.Path, m.Needs())}
	case tag.Before("1.21") && m.Toolchain != "":
		return rule.Report{Message: fmt.Sprintf("Go %s does not know the toolchain line of %s; it needs Go %s", have, m.Path, m.Needs())}
	case tag.Before("1.21") && patch:
		return rule.Report{Message: fmt.Sprintf("Go %s does not understand `go %s` in %s", have, m.Go, m.Path)}
	case tag.Before("1.21"):
		return rule.Report{Severity: finding.Warning, Message: fmt.Sprintf(
			"Go %s is older than `go %s` in %s: it builds only what does not use anything newer", have, m.Go, m.Path)}
	case tag.Older(m.Go):
		return rule.Report{Message: fmt.Sprintf(
			"Go %s is older than `go %s` in %s, and GOTOOLCHAIN=local in the image keeps it from fetching a newer one", have, m.Go, m.Path)}
	}
	return rule.Report{Severity: finding.Warning, Message: fmt.Sprintf(
		"Go %s is older than `toolchain go%s` in %s, and GOTOOLCHAIN=local in the image makes it build without that one", have, m.Toolchain, m.Path)}
}

// bump writes the version that go.mod asks for over the one in the tag, as
// exact as the tag was, wherever that is written: in the FROM or as the default
// of an ARG. A digest cannot be known here.
func bump(d *project.Dockerfile, img project.Image, tag project.GoTag, m *project.Module) *finding.Fix {
	if img.Digest || !tag.Version.Contiguous() {
		return nil
	}
	needs := m.Needs()
	line := strings.TrimPrefix(version.Lang("go"+needs), "go")
	exact := strings.Count(tag.Version.String(), ".") > 1
	if !exact && strings.HasPrefix(needs, line+".") {
		needs = line
	}
	fix := rule.SafeFix(rule.Edit(d.File, tag.Version.Span(), needs))
	if !tag.Floating() {
		fix.Safety = finding.Unsafe // the newer Go may not exist on that release of the system
	}
	return fix
}
