package hadolint

import (
	"fmt"
	"go/version"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleUntagged() rule.Rule {
	return rule.Rule{
		Code:     "DL3006",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Give the base image a tag",
		Why: "Without a tag the image is whatever latest is on the day of the build: " +
			"the same commit builds today and not tomorrow, and nobody can tell which Go was in it.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			eachReference(d, func(s *project.Stage, ref reference) {
				if ref.tag == "" {
					word := s.From.Args[0]
					p.Report(d.File, rule.Report{
						At:      word.Span(),
						Message: fmt.Sprintf("%s has no tag, so that every build may get another image; name the version", word),
						Fix:     tagGolang(d, s, rule.Insert(d.File, word.Span().End, ":")),
					})
				}
			})
		},
	}
}

func ruleLatest() rule.Rule {
	return rule.Rule{
		Code:     "DL3007",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Do not use the tag latest",
		Why: "latest moves: the same commit builds today and not tomorrow, " +
			"and a jump to the next major version comes with no change that anybody made.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			eachReference(d, func(s *project.Stage, ref reference) {
				if ref.tag == "latest" {
					word := s.From.Args[0]
					end := word.Span().End
					p.Report(d.File, rule.Report{
						At:      word.Span(),
						Message: fmt.Sprintf("%s is another image from one day to the next; name the version", word),
						Fix:     tagGolang(d, s, rule.Edit(d.File, dockerfile.Span{Start: end - len("latest"), End: end}, "")),
					})
				}
			})
		},
	}
}

// reference is the end of an image reference, as it is written.
type reference struct{ tag string }

// eachReference visits the stages that begin with an image whose tag is there to
// be read: not scratch, not another stage, no digest, and no variable behind the
// last slash.
func eachReference(d *project.Dockerfile, visit func(*project.Stage, reference)) {
	for _, s := range d.Stages {
		text := s.From.Args[0].Value.String()
		last := text[strings.LastIndexByte(text, '/')+1:]
		if s.Parent != nil || text == "scratch" || strings.ContainsAny(last, "$@") {
			continue
		}
		_, tag, _ := strings.Cut(last, ":")
		visit(s, reference{tag})
	}
}

// tagGolang adds to an edit the version that go.mod asks for, when the image is
// the official one. Nothing is known of the versions of others.
func tagGolang(d *project.Dockerfile, s *project.Stage, edit finding.Edit) *finding.Fix {
	if !s.Base.IsGolang() || d.Module == nil || d.Module.Problem != "" || !written(s.From.Args[0]) {
		return nil
	}
	needs := "go" + d.Module.Needs()
	line := version.Lang(needs)
	if !version.IsValid(needs) || strings.Count(line, ".") == 0 {
		return nil
	}
	edit.Text += strings.TrimPrefix(line, "go")
	// Since Go 1.21 no dependency may need a newer Go than go.mod says.
	if version.Compare(line, "go1.21") < 0 || installsForeign(s) {
		return rule.UnsafeFix(edit)
	}
	return rule.SafeFix(edit)
}

// installsForeign says whether a stage builds programs of other modules, which
// may need a newer Go than this one does.
func installsForeign(s *project.Stage) bool {
	return slices.ContainsFunc(s.Commands, func(c *project.Command) bool {
		return c.Go != nil && slices.ContainsFunc(c.Go.Packages, func(v dockerfile.Value) bool {
			return !v.Known || strings.Contains(v.Text, "@")
		})
	})
}
