package dockerfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wordEnd returns where the word at the beginning of s ends: at white space
// that is neither quoted nor escaped.
func wordEnd(s string, escape byte) int {
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == escape && quote != '\'':
			i++
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && strings.IndexByte(blanks, c) >= 0:
			return i
		}
	}
	return len(s)
}

// trim takes white space off both ends.
func trim(t Text) Text {
	left := len(t.s) - len(strings.TrimLeftFunc(t.s, unicode.IsSpace))
	right := len(strings.TrimRightFunc(t.s, unicode.IsSpace))
	if left >= right {
		return t.Slice(right, right)
	}
	return t.Slice(left, right)
}

func decode(s string) (rune, int) {
	if s == "" {
		return 0, 0
	}
	return utf8.DecodeRuneInString(s)
}

// Assignment is a name and its value in an ARG, ENV or LABEL.
type Assignment struct {
	Name     Text
	Value    Text // as it was written, with quotes and variables
	HasValue bool // false for an ARG that names a build argument and nothing else
}

// Assignments returns what an ARG, ENV or LABEL sets, in order. ENV and LABEL
// also have the old form of one name and one value with a space between.
func (i *Instruction) Assignments() []Assignment {
	if i.Name != "ARG" && i.Name != "ENV" && i.Name != "LABEL" || len(i.Args) == 0 {
		return nil
	}
	first := i.Args[0]
	if i.Name != "ARG" && !strings.Contains(first.s, "=") {
		end := strings.IndexAny(i.Rest.s, blanks)
		if end < 0 {
			end = len(i.Rest.s)
		}
		return []Assignment{{
			Name:     i.Rest.Slice(0, end),
			Value:    trim(i.Rest.Slice(end, len(i.Rest.s))),
			HasValue: true,
		}}
	}
	out := make([]Assignment, len(i.Args))
	for k, word := range i.Args {
		at := strings.IndexByte(word.s, '=')
		if at < 0 {
			out[k] = Assignment{Name: word.Text, Value: word.Slice(len(word.s), len(word.s))}
			continue
		}
		out[k] = Assignment{Name: word.Slice(0, at), Value: word.Slice(at+1, len(word.s)), HasValue: true}
	}
	return out
}
