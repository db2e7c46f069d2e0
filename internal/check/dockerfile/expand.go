package dockerfile

import "strings"

// Lookup returns the value of a variable. A value is not known when it comes
// from outside: a build argument without default, a platform, an image's ENV.
// A known value without bytes is that of a variable that is empty.
type Lookup func(name string) (value Text, known bool)

// Expanded is a text with its quotes and escapes taken off and its variables
// put in.
type Expanded struct {
	Text
	Known bool // every variable was known and every form understood
}

const (
	mostDepth = 16      // of variables in the defaults of variables
	mostBytes = 1 << 16 // of a text with its variables put in
)

// Expand processes a word as docs.docker.com/reference/dockerfile
// "Environment replacement" says. The bytes of the result keep the places that
// they come from: the place of a value is where the variable was set. Without
// lookup, variables stay as they are written.
func Expand(raw Text, escape byte, lookup Lookup) Expanded {
	e := expander{escape: escape, lookup: lookup, known: true}
	e.word(raw, 0)
	return Expanded{Text: e.out.text(raw.src), Known: e.known}
}

type expander struct {
	escape byte
	lookup Lookup
	out    textBuilder
	known  bool
}

func (e *expander) word(t Text, depth int) {
	quote := byte(0)
	for i := 0; i < len(t.s); {
		c := t.s[i]
		switch {
		case c == '$' && quote != '\'' && e.lookup != nil:
			i += e.variable(t.Slice(i, len(t.s)), depth)
		case c == e.escape && quote != '\'' && i+1 < len(t.s):
			i += e.escaped(t, i, quote)
		case c == quote:
			quote = 0
			i++
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			i++
		default:
			e.out.add(t.s[i:i+1], t.Offset(i))
			i++
		}
	}
}

// escaped puts out an escaped character. In double quotes the escape character
// has its meaning only before itself, " and $.
func (e *expander) escaped(t Text, i int, quote byte) int {
	next := t.s[i+1]
	if quote == '"' && next != '"' && next != '$' && next != e.escape {
		e.out.add(t.s[i:i+1], t.Offset(i))
	}
	e.out.add(t.s[i+1:i+2], t.Offset(i+1))
	return 2
}

// variable puts in $NAME or ${NAME…} and returns how many bytes that was.
func (e *expander) variable(t Text, depth int) int {
	if !strings.HasPrefix(t.s, "${") {
		n := nameLength(t.s[1:])
		if n == 0 {
			e.out.add(t.s[:1], t.src)
			return 1
		}
		e.put(t.s[1 : 1+n])
		return 1 + n
	}
	end := closing(t.s)
	if end < 0 {
		e.known = false
		return len(t.s)
	}
	e.braces(t.Slice(2, end), depth+1)
	return end + 1
}

// braces handles NAME, NAME:-word, NAME-word, NAME:+word and NAME+word.
func (e *expander) braces(t Text, depth int) {
	n := nameLength(t.s)
	name, op := t.s[:n], t.s[n:]
	rest := strings.TrimPrefix(op, ":")
	switch {
	case n == 0 || depth > mostDepth:
		e.known = false
	case op == "":
		e.put(name)
	case strings.HasPrefix(rest, "-"):
		if value, known := e.lookup(name); known && (len(value.s) > 0 || rest == op) {
			e.add(value)
			return
		}
		e.word(t.Slice(len(t.s)-len(rest)+1, len(t.s)), depth)
	case strings.HasPrefix(rest, "+"):
		if value, known := e.lookup(name); known && (len(value.s) > 0 || rest == op) {
			e.word(t.Slice(len(t.s)-len(rest)+1, len(t.s)), depth)
		}
	default:
		e.known = false
	}
}

func (e *expander) put(name string) {
	value, known := e.lookup(name)
	if !known {
		e.known = false
		return
	}
	e.add(value)
}

func (e *expander) add(value Text) {
	if len(e.out.b)+len(value.s) > mostBytes {
		e.known = false
		return
	}
	e.out.addText(value)
}

// closing returns where the brace ends that s begins with.
func closing(s string) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func nameLength(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || 'a' <= s[n]|0x20 && s[n]|0x20 <= 'z' || n > 0 && '0' <= s[n] && s[n] <= '9') {
		n++
	}
	return n
}
