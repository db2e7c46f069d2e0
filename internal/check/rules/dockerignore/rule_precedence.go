package dockerignore

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func rulePrecedence() rule.Rule {
	return rule.Rule{
		Code:     "GO505",
		Severity: finding.Info,
		Title:    "Say all of it in the list that counts",
		Why: "Dockerfile.dockerignore is read in place of .dockerignore, not with it. " +
			"What only the other one leaves out goes into the build.",
		Project: checkPrecedence,
	}
}

func checkPrecedence(p *rule.Pass) {
	for _, i := range p.Project.Ignores {
		name, found := strings.CutSuffix(i.Path, ".dockerignore")
		if !found || path.Base(i.Path) == ".dockerignore" || i.List == nil {
			continue
		}
		if real, _ := i.Real(); real != "" && !project.Exists(strings.TrimSuffix(real, ".dockerignore")) {
			p.Report(i.File, rule.Report{At: first(i), Severity: finding.Warning, Message: fmt.Sprintf(
				"there is no %s beside it, so nobody reads this list; name it after a Dockerfile, or .dockerignore", path.Base(filepath.ToSlash(name)))})
		}
	}
	lists(p.Project, func(c project.BuildContext, d *project.Dockerfile, list *project.Ignore) {
		if list == nil || list.List == nil || list.Path != d.Path+".dockerignore" {
			return
		}
		for _, general := range p.Project.Ignores {
			if general.Path != path.Join(c.Path, ".dockerignore") || general.List == nil {
				continue
			}
			if missing := onlyIn(general, list); missing != "" {
				p.Report(list.File, rule.Report{At: first(list), Message: fmt.Sprintf(
					"%s is built with this list alone, and %s, which %s leaves out, is not in it", d.Path, missing, general.Path)})
			}
		}
	})
}

// onlyIn returns a pattern of one list that another does without, also not by a
// pattern that leaves everything out.
func onlyIn(general, list *project.Ignore) string {
	has := map[string]bool{}
	for _, p := range list.List.Patterns() {
		has[p.Word] = has[p.Word] || !p.Exception
	}
	if has["*"] || has["**"] {
		return ""
	}
	for _, p := range general.List.Patterns() {
		if out, _ := list.List.Left(p.Word); !p.Exception && !has[p.Word] && !out && !strings.Contains(p.Word, "#") {
			return p.Word
		}
	}
	return ""
}

func first(i *project.Ignore) dockerfile.Span {
	if lines := i.List.Patterns(); len(lines) > 0 {
		return dockerfile.Span{Start: lines[0].Start, End: lines[0].End}
	}
	return dockerfile.Span{}
}
