package dockerignore

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/ignore"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleComment() rule.Rule {
	return rule.Rule{
		Code:     "GO502",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Put comments on lines of their own",
		Why: "A comment in a .dockerignore begins in the first column. Behind a pattern it is part of the pattern, " +
			"which then names a file that nobody has, and leaves out nothing.",
		Ignore: checkComment,
	}
}

func checkComment(p *rule.Pass, i *project.Ignore) {
	if i.List == nil {
		return
	}
	for _, pattern := range i.List.Patterns() {
		text := i.Source[pattern.Start:pattern.End]
		if strings.HasPrefix(text, "#") {
			p.Report(i.File, rule.Report{
				At:      dockerfile.Span{Start: pattern.Start, End: pattern.End},
				Message: "a comment begins in the first column; with white space before it, this is a pattern",
				Fix:     unindent(i, pattern),
			})
			continue
		}
		word, comment, found := cutComment(text)
		if !found {
			continue
		}
		p.Report(i.File, rule.Report{
			At:      dockerfile.Span{Start: pattern.Start + strings.LastIndex(text, comment), End: pattern.End},
			Message: fmt.Sprintf("%q is part of the pattern, so that %s is not left out; put the comment on a line of its own", comment, word),
			Fix:     move(p, i, pattern, word, comment),
		})
	}
}

// cutComment finds white space with a # behind it. White space behind a backslash
// is meant.
func cutComment(text string) (word, comment string, found bool) {
	for at := 1; at < len(text); at++ {
		if word := strings.TrimRight(text[:at], " \t"); text[at] == '#' && len(word) < at && !strings.HasSuffix(word, "\\") {
			return word, text[at:], true
		}
	}
	return "", "", false
}

func unindent(i *project.Ignore, pattern ignore.Pattern) *finding.Fix {
	line, _ := i.Position(pattern.Start)
	_, start := i.Line(line)
	if strings.Trim(i.Source[start:pattern.Start], " \t") != "" {
		return nil
	}
	return rule.SafeFix(rule.Edit(i.File, dockerfile.Span{Start: start, End: pattern.Start}, ""))
}

// move puts the comment above the pattern. The pattern counts then for the first
// time; that is safe unless it hides what a COPY names.
func move(p *rule.Pass, i *project.Ignore, pattern ignore.Pattern, word, comment string) *finding.Fix {
	text := comment + i.Newline() + word
	edit := rule.Edit(i.File, dockerfile.Span{Start: pattern.Start, End: pattern.End}, text)
	line, _ := i.Position(pattern.Start)
	if _, start := i.Line(line); start != pattern.Start && strings.Trim(i.Source[start:pattern.Start], "\ufeff") != "" {
		return nil
	}
	after, err := ignore.Parse([]byte(i.Source[:pattern.Start] + text + i.Source[pattern.End:]))
	if err != nil || strings.HasPrefix(word, "!") {
		return rule.UnsafeFix(edit)
	}
	safe := true
	lists(p.Project, func(c project.BuildContext, d *project.Dockerfile, list *project.Ignore) {
		if list == i && len(hidden(c, d, after)) > len(hidden(c, d, i.List)) {
			safe = false
		}
	})
	if !safe {
		return rule.UnsafeFix(edit)
	}
	return rule.SafeFix(edit)
}
