package ignore

import (
	"errors"
	"path"
	"regexp"
	"strings"
)

// pattern is one line of the list.
type pattern struct {
	exception bool
	suffix    string         // of "**suffix" without further wildcards
	isSuffix  bool           //
	exact     string         // of a pattern without wildcards
	expr      *regexp.Regexp // of all others
}

func compile(word string) (pattern, error) {
	p := pattern{}
	word, p.exception = strings.CutPrefix(word, "!")
	if word == "" {
		return p, errors.New("no pattern stands behind the exclamation mark")
	}
	if _, err := path.Match(word, "."); err != nil {
		return p, errors.New("this is not a pattern: a [ without ] or a \\ at the end")
	}
	if !strings.ContainsAny(word, `*?[]\`) {
		p.exact = word
		return p, nil
	}
	// Docker takes "**" at the beginning for "ends with", so that "**.log" is
	// every log, when no other wildcard follows.
	rest, leading := strings.CutPrefix(word, "**")
	if leading && !strings.ContainsAny(rest, `*[]\?`) {
		p.suffix, p.isSuffix = rest, true
		return p, nil
	}
	var err error
	if p.expr, err = regexp.Compile(expression(word)); err != nil {
		return p, errors.New("this is not a pattern: look at its [ and ]")
	}
	return p, nil
}

// expression writes a pattern as a regular expression: * and ? stay inside a
// folder, ** goes over any number of them, also none.
func expression(word string) string {
	var b strings.Builder
	b.WriteString("(?s)^")
	for word != "" {
		switch rest, double := strings.CutPrefix(word, "**"); {
		case double:
			word = strings.TrimPrefix(rest, "/")
			if word == "" {
				b.WriteString(".*")
			} else {
				b.WriteString("(.*/)?")
			}
			continue
		case word[0] == '*':
			b.WriteString("[^/]*")
		case word[0] == '?':
			b.WriteString("[^/]")
		case strings.IndexByte(".+()|{}$", word[0]) >= 0:
			b.WriteString(`\` + word[:1])
		case word[0] == '\\' && len(word) > 1:
			b.WriteString(regexp.QuoteMeta(word[1:2]))
			word = word[1:]
		default:
			b.WriteByte(word[0]) // also [ and ], which mean the same in both
		}
		word = word[1:]
	}
	b.WriteString("$")
	return b.String()
}

func (p pattern) match(name string) bool {
	switch {
	case p.isSuffix:
		return strings.HasSuffix(name, p.suffix) || p.suffix != "" && p.suffix[0] == '/' && name == p.suffix[1:]
	case p.expr != nil:
		return p.expr.MatchString(name)
	}
	return name == p.exact
}
