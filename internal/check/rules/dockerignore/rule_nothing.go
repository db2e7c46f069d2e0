package dockerignore

import (
	"fmt"
	"path"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleNothing() rule.Rule {
	return rule.Rule{
		Code:     "GO503",
		Severity: finding.Info,
		Fix:      finding.Unsafe,
		Title:    "Write patterns that begin at the context",
		Why: "Patterns are not those of .gitignore: node_modules is the folder at the top, and no other. " +
			"One that matches nothing, while what it names is further down, leaves nothing out.",
		Project: checkNothing,
	}
}

func checkNothing(p *rule.Pass) {
	done := map[*project.Ignore]bool{}
	lists(p.Project, func(c project.BuildContext, _ *project.Dockerfile, list *project.Ignore) {
		if list == nil || list.List == nil || done[list] {
			return
		}
		done[list] = true
		if found, all := entries(c.Dir); all {
			nothing(p, list, found)
		}
	})
}

func nothing(p *rule.Pass, list *project.Ignore, found []entry) {
	excluding := false
	for k, pattern := range list.List.Patterns() {
		at := dockerfile.Span{Start: pattern.Start, End: pattern.End}
		switch {
		case pattern.Exception && !excluding:
			p.Report(list.File, rule.Report{At: at, Message: fmt.Sprintf("nothing is left out before %q, so this brings nothing back; put it below the pattern that leaves it out", list.Source[at.Start:at.End])})
			continue
		case pattern.Exception:
			continue
		}
		excluding = true
		deeper := deeperThan(pattern.Word, found)
		if deeper == "" || matches(list, k, found) {
			continue
		}
		r := rule.Report{At: at, Message: fmt.Sprintf("%s is only at the top, where nothing has that name; for %s, write **/%s", pattern.Word, deeper, pattern.Word)}
		if text := list.Source[at.Start:at.End]; text == pattern.Word {
			r.Fix = rule.UnsafeFix(rule.Insert(list.File, at.Start, "**/"))
		}
		p.Report(list.File, r)
	}
}

func matches(list *project.Ignore, k int, found []entry) bool {
	for _, e := range found {
		if list.List.Match(k, e.name) {
			return true
		}
	}
	return false
}

// everywhere says that what a word names comes up in any folder. A folder such as
// bin or docs may be meant for the top alone, and not be there yet.
func everywhere(word string) bool {
	switch word {
	case "node_modules", "testdata", "__pycache__", "Thumbs.db", "coverage.out", "cover.out":
		return true
	}
	if word == ".dockerignore" {
		return false // the list of the context itself, also when a fix is making it
	}
	return strings.HasPrefix(word, "*.") || strings.HasPrefix(word, "*_") || strings.HasPrefix(word, ".")
}

// deeperThan returns something further down that has the name that a pattern of
// one word asks for at the top; empty without.
func deeperThan(word string, found []entry) string {
	if strings.Contains(word, "/") || strings.Contains(word, "**") || strings.Contains(word, "\\") || !everywhere(word) {
		return ""
	}
	for _, e := range found {
		if match, err := path.Match(word, path.Base(e.name)); err == nil && match && strings.Contains(e.name, "/") {
			return e.name
		}
	}
	return ""
}
