package gocontext

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleCache() rule.Rule {
	return rule.Rule{
		Code:     "GO107",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Mount Go's caches while it builds",
		Why: "A RUN begins with empty caches unless they are mounted: a changed line compiles all packages again, " +
			"and a changed go.mod downloads all modules.",
		Dockerfile: checkCache,
	}
}

func checkCache(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.Stages {
		if !s.Base.IsGolang() || strings.Contains(s.Base.Tag.String(), "windows") {
			continue
		}
		reported := map[*dockerfile.Instruction]bool{}
		for _, c := range goRuns(s) {
			i := c.Instruction
			compiles := c.Go.Verb == "build" || c.Go.Verb == "install" || c.Go.Verb == "test"
			if reported[i] || !compiles && c.Go.Verb != "mod download" || mountsCache(i, "/go/pkg/mod") || compiles && mountsCache(i, "/root/.cache/go-build") {
				continue
			}
			if _, mounted := i.Flag("mount"); mounted && movedCaches(c) {
				continue
			}
			reported[i] = true
			p.Report(d.File, rule.Report{
				At:      c.Go.Word,
				Message: "Go begins without its caches here; mount them with --mount=type=cache",
				Fix:     mountCaches(d, s, c),
			})
		}
	}
}

// movedCaches says that the caches are somewhere else than where the official
// images have them for root.
func movedCaches(c *project.Command) bool {
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "HOME"} {
		if value, set := c.Lookup(name); set && (!value.Known || value.Text != "/go") {
			return true
		}
	}
	return false
}

// mountCaches is the fix for root, with the caches where they are by default.
func mountCaches(d *project.Dockerfile, s *project.Stage, c *project.Command) *finding.Fix {
	i := c.Instruction
	if s.User != nil || movedCaches(c) || len(i.Flags) > 0 || !i.Keyword.Contiguous() || i.JSON {
		return nil
	}
	return rule.SafeFix(rule.Insert(d.File, i.Keyword.Span().End, " --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build"))
}

func ruleGopath() rule.Rule {
	return rule.Rule{
		Code:       "GO108",
		Severity:   finding.Warning,
		Title:      "Build with modules",
		Why:        "With GO111MODULE=off Go takes no notice of go.mod: it builds whatever lies below GOPATH, at no version.",
		Dockerfile: checkGopath,
	}
}

func checkGopath(p *rule.Pass, d *project.Dockerfile) {
	if d.Module == nil {
		return
	}
	each(d, func(at dockerfile.Span, name, value string) {
		if name == "GO111MODULE" && value == "off" && buildsOwn(d, at.Start) {
			p.Report(d.File, rule.Report{At: at, Message: "GO111MODULE=off makes Go take no notice of " + d.Module.Path + "; take it away"})
		}
	})
}

// buildsOwn says whether the stage at an offset, or one that builds on it, runs
// the go command on what is copied from the context.
func buildsOwn(d *project.Dockerfile, at int) bool {
	var here *project.Stage
	for _, s := range d.Stages {
		if s.From.Start <= at {
			here = s
		}
	}
	for _, s := range d.Stages {
		if here != nil && s.BuildsOn(here) && slices.ContainsFunc(s.Commands, func(c *project.Command) bool { return c.Go != nil && c.Sources }) {
			return true
		}
	}
	return here == nil
}

// each calls visit for what ENV, ARG and the commands of RUN set.
func each(d *project.Dockerfile, visit func(at dockerfile.Span, name, value string)) {
	for _, i := range d.AST.Instructions {
		if i.Name != "ENV" && i.Name != "ARG" {
			continue
		}
		for _, a := range i.Assignments() {
			if a.HasValue {
				visit(dockerfile.Span{Start: a.Name.Span().Start, End: a.Value.Span().End}, a.Name.String(), strings.Trim(a.Value.String(), `"'`))
			}
		}
	}
	for _, s := range d.Stages {
		for _, c := range s.Commands {
			for word := range strings.FieldsSeq(d.Source[c.Start:min(c.End, c.Start+512)]) {
				if name, value, found := strings.Cut(word, "="); found && !strings.ContainsAny(name, "-/\"'$") {
					at := c.Start + strings.Index(d.Source[c.Start:c.End], word)
					visit(dockerfile.Span{Start: at, End: at + len(word)}, name, strings.Trim(value, `"';`))
				}
			}
		}
	}
}

func ruleChecksums() rule.Rule {
	return rule.Rule{
		Code:     "GO109",
		Severity: finding.Warning,
		Title:    "Let Go check what it downloads",
		Why: "GOSUMDB=off, GONOSUMCHECK and GOINSECURE switch off what says that a module is the one that everybody gets, " +
			"and the encryption on its way. Private modules need GOPRIVATE, and nothing more.",
		Dockerfile: checkChecksums,
	}
}

func checkChecksums(p *rule.Pass, d *project.Dockerfile) {
	each(d, func(at dockerfile.Span, name, value string) {
		off := name == "GOSUMDB" && value == "off" || name == "GONOSUMCHECK" && value != "" && value != "0" || name == "GOINSECURE" && value != "" ||
			name == "GOFLAGS" && strings.Contains(value, "-insecure")
		if off {
			p.Report(d.File, rule.Report{At: at, Message: fmt.Sprintf("%s=%s lets anything pass for a module; take it away, and set GOPRIVATE for your own", name, value)})
		}
	})
}
