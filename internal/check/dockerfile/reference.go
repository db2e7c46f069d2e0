package dockerfile

import "strings"

// Reference is a place where a word asks for a variable.
type Reference struct {
	Text         // $NAME or ${NAME…}, as it is written
	Name    Text // without the rest
	Without bool // what happens without the variable is said: ${NAME:-word} and the like
}

// References returns the variables that a word asks for, in order; those in the
// words of other references after them.
func References(raw Text, escape byte) []Reference {
	return references(nil, raw, escape, 0)
}

func references(out []Reference, t Text, escape byte, depth int) []Reference {
	if depth > mostDepth || strings.IndexByte(t.s, '$') < 0 {
		return out
	}
	quote := byte(0)
	for i := 0; i < len(t.s); i++ {
		c := t.s[i]
		switch {
		case c == escape && quote != '\'':
			i++
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '$' && quote != '\'':
			r, word := reference(t.Slice(i, len(t.s)))
			if r.Name.s == "" {
				continue
			}
			out = references(append(out, r), word, escape, depth+1)
			i += len(r.s) - 1
		}
	}
	return out
}

// reference reads what begins with a dollar sign, and the word in its braces.
func reference(t Text) (r Reference, word Text) {
	if !strings.HasPrefix(t.s, "${") {
		n := 1 + nameLength(t.s[1:])
		return Reference{Text: t.Slice(0, n), Name: t.Slice(1, n)}, Text{}
	}
	end := closing(t.s)
	if end < 0 {
		return Reference{}, Text{}
	}
	n := 2 + nameLength(t.s[2:])
	r = Reference{Text: t.Slice(0, end+1), Name: t.Slice(2, n)}
	rest := strings.TrimPrefix(t.s[n:end], ":")
	r.Without = rest != "" && strings.IndexByte("-+?", rest[0]) >= 0
	return r, t.Slice(n, end)
}
