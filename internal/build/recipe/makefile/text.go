package makefile

import (
	"path"
	"strings"
)

// withoutComment cuts a line at the first # that neither a backslash nor $(…)
// protects.
func withoutComment(text string) string {
	var out strings.Builder
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == '#':
			i++
			out.WriteByte('#')
			continue
		case c == '$' && i+1 < len(text) && (text[i+1] == '(' || text[i+1] == '{'):
			depth++
			out.WriteByte(c)
			i++
		case depth > 0 && (text[i] == ')' || text[i] == '}'):
			depth--
		case c == '#' && depth == 0:
			return out.String()
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// firstWord cuts a text behind its first word.
func firstWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t")
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		return text[:i], strings.TrimSpace(text[i:])
	}
	return text, ""
}

func isWord(text string) bool {
	text = strings.TrimSpace(text)
	return text != "" && !strings.ContainsAny(text, " \t")
}

// skip returns the place behind the reference to a variable that begins at a
// dollar, and the place of the dollar when it is none.
func skip(text string, i int) int {
	if i+1 >= len(text) {
		return i + 1
	}
	opening, closing := text[i+1], byte(0)
	switch opening {
	case '(':
		closing = ')'
	case '{':
		closing = '}'
	default:
		return i + 2
	}
	depth := 0
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case opening:
			depth++
		case closing:
			if depth--; depth == 0 {
				return j + 1
			}
		}
	}
	return len(text) + 1 // it is not closed
}

// operator finds what makes a line an assignment or a rule, outside of $(…): the
// first of =, :=, ::=, ?=, +=, != and ":".
func operator(text string) (at int, op string) {
	for i := 0; i < len(text); {
		switch {
		case text[i] == '$':
			i = skip(text, i)
			continue
		case text[i] == '=':
			return i, "="
		case text[i] == ':':
			for _, op := range []string{":::=", "::=", ":="} {
				if strings.HasPrefix(text[i:], op) {
					return i, op
				}
			}
			return i, ":"
		case strings.IndexByte("?+!", text[i]) >= 0 && i+1 < len(text) && text[i+1] == '=':
			return i, text[i : i+2]
		}
		i++
	}
	return 0, ""
}

// cutOutside cuts a text at the first separator outside of $(…).
func cutOutside(text, separator string) (before, after string, found bool) {
	for i := 0; i < len(text); {
		if text[i] == '$' {
			i = skip(text, i)
			continue
		}
		if strings.HasPrefix(text[i:], separator) {
			return text[:i], text[i+len(separator):], true
		}
		i++
	}
	return text, "", false
}

// stem matches a word with a pattern that has one % in it, and returns what the %
// stands for. A pattern without is matched as a whole.
func stem(pattern, word string) (string, bool) {
	before, after, found := strings.Cut(pattern, "%")
	if !found {
		return "", pattern == word
	}
	if len(word) < len(before)+len(after) || !strings.HasPrefix(word, before) || !strings.HasSuffix(word, after) {
		return "", false
	}
	return word[len(before) : len(word)-len(after)], true
}

// stemOfFile matches the name of a file with the target of a rule: a pattern
// without a slash is about the name in its folder (make's manual, "How Patterns Match").
func stemOfFile(pattern, name string) (dir, found string, ok bool) {
	if strings.Contains(pattern, "/") {
		found, ok = stem(pattern, name)
		return "", found, ok
	}
	dir, base := path.Split(name)
	found, ok = stem(pattern, base)
	return dir, found, ok
}

// substitute puts a stem in the place of the first %.
func substitute(pattern, stem string) string { return strings.Replace(pattern, "%", stem, 1) }

// patsubst is the function of that name, for one word.
func patsubst(pattern, replacement, word string) string {
	found, ok := stem(pattern, word)
	switch {
	case !ok:
		return word
	case !strings.Contains(pattern, "%"):
		return replacement
	}
	return substitute(replacement, found)
}
